"""X5, the details of an order: by whichever of three doors it comes, what is wrong is named and nothing happens.

The same table is held against a single payment, a preview, and a line of a batch. Then batches as a whole, filters of
lists, and frozen and closed wallets. A preview leaves no row behind even when it is right.
"""

import base64
import json
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from paysettle.events.models import EventHead
from paysettle.identity.caller import Caller
from paysettle.kernel.identifiers import SYSTEM
from paysettle.ledger import accounts
from paysettle.ledger import queries as ledger
from paysettle.payments.operations import wallets
from tests.money import balance, books_are_right
from tests.people import Person, deposit, pay, person
from tests.plugin import ALL
from tests.safety.rows import contents_of, grown, rows_of
from tests.server import Client, Reply, Server

OPERATOR = Caller(party_id=SYSTEM, operator="tests")
BATCHES = "/api/v1/payment-batches"
Pair = tuple[Person, Person]


@pytest.fixture(scope="module")
def people() -> Pair:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 1_000_000)
    pay(ana, ben, 1)
    return ana, ben


def body_of(people: Pair, **changes: Any) -> dict[str, Any]:
    return {"payee": people[1].handle, "amount": {"amount": 10, "currency": "EUR"}, **changes}


LATER = {"capture": "later"}

DETAILS: dict[str, tuple[dict[str, Any], str, str]] = {
    "held for too short": ({**LATER, "expires_in_s": 9}, "/expires_in_s", "not_in_range"),
    "held for too long": ({**LATER, "expires_in_s": 30 * 24 * 3600 + 1}, "/expires_in_s", "not_in_range"),
    "held for nothing": ({**LATER, "expires_in_s": 0}, "/expires_in_s", "not_in_range"),
    "held until yesterday": ({**LATER, "expires_in_s": -86400}, "/expires_in_s", "not_in_range"),
    "held for ever": ({**LATER, "expires_in_s": 10**30}, "/expires_in_s", "not_in_range"),
    "held for a text": ({**LATER, "expires_in_s": "3600"}, "/expires_in_s", "not_in_range"),
    "held for a fraction": ({**LATER, "expires_in_s": 3600.5}, "/expires_in_s", "not_in_range"),
    "held for true": ({**LATER, "expires_in_s": True}, "/expires_in_s", "not_in_range"),
    "held for null": ({**LATER, "expires_in_s": None}, "/expires_in_s", "required"),
    "held, but paid at once": ({"expires_in_s": 3600}, "/expires_in_s", "not_applicable"),
    "held, but captured now": ({"capture": "now", "expires_in_s": 3600}, "/expires_in_s", "not_applicable"),
    "captured some day": ({"capture": "tomorrow"}, "/capture", "not_a_choice"),
    "captured true": ({"capture": True}, "/capture", "not_a_choice"),
    "captured by a list": ({"capture": ["later"]}, "/capture", "not_a_choice"),
    "captured null": ({"capture": None}, "/capture", "required"),
    "captured already": ({"captured": 10}, "/captured", "unknown_field"),
    "metadata too many": ({"metadata": {f"k{n}": "v" for n in range(21)}}, "/metadata", "too_many"),
    "metadata too long": ({"metadata": {"k": "v" * 2048}}, "/metadata", "too_long"),
    "metadata too long in bytes": ({"metadata": {"k": "é" * 1024}}, "/metadata", "too_long"),
    "metadata too long a name": ({"metadata": {"k" * 2048: "v"}}, "/metadata", "too_long"),
    "metadata no texts": ({"metadata": {"k": 1}}, "/metadata/k", "not_a_text"),
    "metadata null inside": ({"metadata": {"k": None}}, "/metadata/k", "required"),
    "metadata true inside": ({"metadata": {"k": True}}, "/metadata/k", "not_a_text"),
    "metadata nested": ({"metadata": {"k": {"deeper": "v"}}}, "/metadata/k", "not_a_text"),
    "metadata a list inside": ({"metadata": {"k": ["v"]}}, "/metadata/k", "not_a_text"),
    "metadata a list": ({"metadata": ["v"]}, "/metadata", "not_an_object"),
    "metadata a text": ({"metadata": "v"}, "/metadata", "not_an_object"),
    "metadata null": ({"metadata": None}, "/metadata", "required"),
    "metadata without a name": ({"metadata": {"": "v"}}, "/metadata", "not_printable"),
    "metadata with a line break in a name": ({"metadata": {"a\nb": "v"}}, "/metadata", "not_printable"),
    "metadata with NUL": ({"metadata": {"k": "\0"}}, "/metadata/k", "not_printable"),
    "reference too long": ({"reference": "x" * 65}, "/reference", "too_long"),
    "reference a number": ({"reference": 7}, "/reference", "not_a_text"),
    "reference with a tab": ({"reference": "a\tb"}, "/reference", "not_printable"),
    "note too long": ({"note": "é" * 141}, "/note", "too_long"),
    "held of nobody": ({**LATER, "hold_for": 3600}, "/hold_for", "unknown_field"),
}


@pytest.mark.shared(*ALL)  # refused before the database is asked
@pytest.mark.parametrize("door", ["pay", "preview", "batch"])
@pytest.mark.parametrize("row", DETAILS)
def test_a_wrong_detail_is_named_and_nothing_happens(server: Server, people: Pair, row: str, door: str) -> None:
    changes, pointer, code = DETAILS[row]
    body = body_of(people, **changes)
    client, before = server.client(people[0]), everything(people)
    if door == "batch":
        reply = client.post(BATCHES, {"items": [{**body, "key": secrets.token_hex(8)}]})
        problem = reply.document["items"][0]["problem"]
        assert (reply.status, reply.document["refused"], problem["code"]) == (200, 1, "invalid_request")
        pointer = f"/items/0{pointer}"
    else:
        reply = client.post("/api/v1/payments" + ("" if door == "pay" else "/preview"), body)
        problem = reply.document
        assert (reply.status, problem["code"]) == (422, "invalid_request")
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [(pointer, code)]
    left = {"batches": 1, "batch parts": 1, "keys": 1} if door == "batch" else {}
    assert_only_grown(people, before, left)


@pytest.mark.money
def test_the_details_that_all_rows_change_are_accepted(server: Server, people: Pair) -> None:
    right: list[dict[str, Any]] = [
        {**LATER, "expires_in_s": 10},
        {**LATER, "expires_in_s": 30 * 24 * 3600},
        {"capture": "now"},
        {"metadata": {f"k{n}": "v" for n in range(20)}},
        {"metadata": {"k": "v" * 2047}},
        {"metadata": {}},
        {"reference": "x" * 64, "note": "é" * 140},
    ]
    for changes in right:
        assert server.client(people[0]).post("/api/v1/payments", body_of(people, **changes)).status == 201
    books_are_right(*people)


TEN = {"amount": 10, "currency": "EUR"}

WHOLE: dict[str, tuple[Any, str, str]] = {
    "no list": ({}, "/items", "required"),
    "null": ({"items": None}, "/items", "required"),
    "an object": ({"items": {"key": "a"}}, "/items", "not_a_list"),
    "a text": ({"items": "all"}, "/items", "not_a_list"),
    "nothing in it": ({"items": []}, "/items", "not_in_range"),
    "10,001 in it": ({"items": [{}] * 10_001}, "/items", "not_in_range"),
    "something beside it": ({"items": [{}], "atomic": True}, "/atomic", "unknown_field"),
    "split with nobody": ({"amount": TEN, "items": []}, "/items", "not_in_range"),
    "split with 10,001": ({"amount": TEN, "items": [{}] * 10_001}, "/items", "not_in_range"),
    "split of nothing": ({"amount": {**TEN, "amount": 0}, "items": [{}]}, "/amount/amount", "not_positive"),
    "split of less than nothing": ({"amount": {**TEN, "amount": -1}, "items": [{}]}, "/amount/amount", "not_positive"),
    "split of a fraction": ({"amount": {**TEN, "amount": 0.5}, "items": [{}]}, "/amount/amount", "not_whole"),
    "split of too little": ({"amount": {**TEN, "amount": 1}, "items": [{}, {}]}, "/amount", "too_small"),
    "split so that one gets nothing": ({"amount": TEN, "items": [{}, {"weight": 100}]}, "/amount", "too_small"),
    "split with a line that is none": ({"amount": TEN, "items": [{}, "x"]}, "/items/1", "not_an_object"),
    "split with an amount of its own": (
        {"amount": TEN, "items": [{"amount": TEN}]},
        "/items/0/amount",
        "not_applicable",
    ),
    "weight zero": ({"amount": TEN, "items": [{"weight": 0}]}, "/items/0/weight", "not_in_range"),
    "weight negative": ({"amount": TEN, "items": [{}, {"weight": -1}]}, "/items/1/weight", "not_in_range"),
    "weight too large": ({"amount": TEN, "items": [{"weight": 1_000_001}]}, "/items/0/weight", "not_in_range"),
    "weight a fraction": ({"amount": TEN, "items": [{"weight": 0.5}]}, "/items/0/weight", "not_in_range"),
    "weight a text": ({"amount": TEN, "items": [{"weight": "1"}]}, "/items/0/weight", "not_in_range"),
    "weight true": ({"amount": TEN, "items": [{"weight": True}]}, "/items/0/weight", "not_in_range"),
    "weight null": ({"amount": TEN, "items": [{"weight": None}]}, "/items/0/weight", "required"),
}


@pytest.mark.shared(*ALL)  # refused before the database is asked
@pytest.mark.parametrize("row", WHOLE)
def test_what_is_no_batch_is_refused_whole(server: Server, people: Pair, row: str) -> None:
    body, pointer, code = WHOLE[row]
    before = everything(people)
    reply = server.client(people[0]).post(BATCHES, body)
    assert (reply.status, reply.document["code"]) == (422, "invalid_request")
    assert [(e["pointer"], e["code"]) for e in reply.document["errors"]] == [(pointer, code)]
    assert_only_grown(people, before, {})


@pytest.mark.shared(*ALL)  # refused before the database is asked
@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        pytest.param(b'{"items": [{}]}', {}, 400, "idempotency_key_missing", id="no key"),
        pytest.param(b'{"items": [', {"Idempotency-Key": "k"}, 400, "malformed_body", id="cut short"),
        pytest.param(b"[{}]", {"Idempotency-Key": "k"}, 400, "malformed_body", id="a bare list"),
        pytest.param(b" " * (8 * 1024 * 1024 + 1), {"Idempotency-Key": "k"}, 413, "body_too_large", id="too large"),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused(
    server: Server, people: Pair, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    before = everything(people)
    reply = server.client(people[0]).raw(BATCHES, content, {"Content-Type": "application/json", **headers})
    assert (reply.status, reply.document["code"]) == (status, code)
    assert_only_grown(people, before, {})


LINES: dict[str, tuple[Any, str, str]] = {
    "no object": (["pay ben"], "/items/0", "not_an_object"),
    "without a key": ([{"payee": "x"}], "/items/0/key", "required"),
    "with too long a key": ([{"key": "k" * 256}], "/items/0/key", "too_long"),
    "with a number for a key": ([{"key": 1}], "/items/0/key", "not_a_text"),
    "empty": ([{}], "/items/0/payee", "required"),
    "a batch within": ([{"items": []}], "/items/0/items", "unknown_field"),
    "a weight where nothing is split": ([{"weight": 1}], "/items/0/weight", "unknown_field"),
}


@pytest.mark.money
@pytest.mark.parametrize("row", LINES)
def test_a_line_that_cannot_be_read_is_named_and_the_next_is_paid(server: Server, people: Pair, row: str) -> None:
    items, pointer, code = LINES[row]
    ben_before = balance(people[1])
    good = {**body_of(people), "key": secrets.token_hex(8)}
    document = server.client(people[0]).post(BATCHES, {"items": [*items, good]}).document
    bad, paid = document["items"]
    assert (bad["status"], bad["payment"], bad["problem"]["code"]) == (422, None, "invalid_request")
    assert (pointer, code) in [(e["pointer"], e["code"]) for e in bad["problem"]["errors"]]
    assert (paid["status"], balance(people[1]) - ben_before) == (201, 10)


@pytest.mark.money
def test_a_key_that_stands_twice_in_a_batch_pays_once(server: Server, people: Pair) -> None:
    before = balance(people[1])
    item = {**body_of(people), "key": secrets.token_hex(8)}
    other = {**item, "amount": {"amount": 11, "currency": "EUR"}}
    document = server.client(people[0]).post(BATCHES, {"items": [item, item, other]}).document
    first, second, third = document["items"]
    assert first["payment"] == second["payment"]
    assert (third["status"], third["problem"]["code"]) == (422, "idempotency_key_reused")
    assert balance(people[1]) - before == 10
    books_are_right(*people)


FILTERS: dict[str, tuple[str, str]] = {
    "time without an offset": ("created_at__gte=2026-01-01T00:00:00", "?created_at__gte bad_filter"),
    "time that is none": ("created_at__lt=yesterday", "?created_at__lt bad_filter"),
    "time empty": ("created_at__lt=", "?created_at__lt bad_filter"),
    "time with month 13": ("created_at__lt=2026-13-01T00:00:00Z", "?created_at__lt bad_filter"),
    "time before all time": (
        f"created_at__gte={quote('0001-01-01T00:00:00+14:00')}",
        "?created_at__gte bad_filter",
    ),
    "time after all time": (
        f"created_at__lt={quote('9999-12-31T23:59:59-14:00')}",
        "?created_at__lt bad_filter",
    ),
    "amount negative": ("amount__gte=-1", "?amount__gte bad_filter"),
    "amount a fraction": ("amount__gte=1.5", "?amount__gte bad_filter"),
    "amount too large": (f"amount__lte={10**15 + 1}", "?amount__lte bad_filter"),
    "amount of 400 digits": (f"amount__lte={'9' * 400}", "?amount__lte bad_filter"),
    "amount in other digits": (f"amount__lte={quote('١٢')}", "?amount__lte bad_filter"),
    "currency unknown": ("currency=EUX", "?currency bad_filter"),
    "currency empty": ("currency=", "?currency bad_filter"),
    "state unknown": ("state=paid", "?state bad_filter"),
    "counterparty empty": ("counterparty=", "?counterparty bad_filter"),
    "counterparty too long": (f"counterparty={'a' * 41}", "?counterparty bad_filter"),
    "reference too long": (f"reference={'a' * 65}", "?reference bad_filter"),
    "reference with NUL": ("reference=%00", "?reference bad_filter"),
    "counterparty with NUL": ("counterparty=%00", "?counterparty bad_filter"),
    "reference empty": ("reference=", "?reference bad_filter"),
    "filter unknown": ("payer=ben", "?payer unknown_parameter"),
    "filter misspelt": ("created_at__gt=2026-01-01T00:00:00Z", "?created_at__gt unknown_parameter"),
    "filter into another table": ("payer__handle=ben", "?payer__handle unknown_parameter"),
    "filter twice": ("state=completed&state=released", "?state repeated_parameter"),
    "limit zero": ("limit=0", "?limit not_in_range"),
    "limit too large": ("limit=101", "?limit not_in_range"),
    "limit of 5,000 digits": (f"limit={'9' * 5000}", "?limit not_in_range"),
    "cursor of somebody": ("cursor=abc", "?cursor bad_cursor"),
    "cursor not in ASCII": (f"cursor={quote('é')}", "?cursor bad_cursor"),
    "cursor before all time": (
        "cursor=" + base64.urlsafe_b64encode(b"after|0001-01-01T00:00:00+14:00|" + b"0" * 32).decode(),
        "?cursor bad_cursor",
    ),
}


@pytest.mark.shared(*ALL)  # refused before the database is asked
@pytest.mark.parametrize("row", FILTERS)
def test_a_filter_that_makes_no_sense_is_named(server: Server, people: Pair, row: str) -> None:
    query, pointer = FILTERS[row]
    reply = server.client(people[0]).get(f"/api/v1/payments?{query}")
    assert (reply.status, reply.document["code"]) == (422, "invalid_request")
    assert [f"{e['pointer']} {e['code']}" for e in reply.document["errors"]] == [pointer]


@pytest.mark.shared(*ALL)  # refused before the database is asked
@pytest.mark.parametrize("what", ["balance?at", "statement?from", "statement?to"])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01", "now"])
def test_a_moment_that_makes_no_sense_is_named(server: Server, people: Pair, what: str, moment: str) -> None:
    client = server.client(people[0])
    account = client.get("/api/v1/accounts").document["data"][0]["id"]
    reply = client.get(f"/api/v1/accounts/{account}/{what}={quote(moment)}")
    assert (reply.status, reply.document["errors"][0]["code"]) == (422, "bad_time")


@pytest.mark.money
@pytest.mark.parametrize("query", ["counterparty=%FF", "reference=%FF", f"reference={quote('é' * 64)}"])
def test_a_filter_that_nothing_can_match_finds_nothing(server: Server, people: Pair, query: str) -> None:
    reply = server.client(people[0]).get(f"/api/v1/payments?{query}")
    assert (reply.status, reply.document["data"]) == (200, [])


PREVIEWS: dict[str, tuple[dict[str, Any], str]] = {
    "a payment": ({}, "accepted"),
    "an authorisation": (LATER, "accepted"),
    "too much": ({"amount": {"amount": 10**12, "currency": "EUR"}}, "insufficient_funds"),
    "too much to hold": ({**LATER, "amount": {"amount": 10**12, "currency": "EUR"}}, "insufficient_funds"),
    "a currency that one does not have": ({"amount": {"amount": 1, "currency": "JPY"}}, "insufficient_funds"),
    "to nobody": ({"payee": "nobody-at-all"}, "payee_not_found"),
}


@pytest.mark.money
@pytest.mark.parametrize("row", PREVIEWS)
def test_a_preview_leaves_nothing_behind(server: Server, people: Pair, row: str) -> None:
    changes, outcome = PREVIEWS[row]
    before, head = everything(people), EventHead.objects.get().position
    document = server.client(people[0]).post("/api/v1/payments/preview", body_of(people, **changes)).document
    assert document["outcome"] == ("accepted" if outcome == "accepted" else "refused")
    assert (document["problem"] or {}).get("code", "accepted") == outcome
    assert EventHead.objects.get().position == head
    assert_only_grown(people, before, {})


@pytest.mark.money
def test_a_preview_opens_no_wallet(server: Server, people: Pair) -> None:
    cem = person("cem")
    preview = server.client(people[0]).post("/api/v1/payments/preview", body_of((people[0], cem)))
    assert (preview.status, preview.document["outcome"]) == (200, "accepted")
    assert ledger.wallets(cem.party_id) == []
    paid = server.client(people[0]).post("/api/v1/payments", body_of((people[0], cem)))
    assert paid.status == 201
    assert preview.document["payment"]["amount"] == paid.document["amount"]


@pytest.mark.money
@pytest.mark.parametrize("whose", ["payer", "payee"])
@pytest.mark.parametrize("verb", ["freeze", "close"])
@pytest.mark.parametrize("door", ["pay", "authorise", "preview", "batch"])
def test_a_frozen_or_closed_wallet_is_refused_by_its_name(server: Server, verb: str, whose: str, door: str) -> None:
    pair = person("ana"), person("ben")
    deposit(pair[0], 100)
    pay(*pair, 100)
    payer, payee = pair if whose == "payer" else pair[::-1]  # the one without money is frozen or closed
    change: Callable[..., None] = {"freeze": wallets.freeze, "close": wallets.close}[verb]
    change(by=OPERATOR, account_id=accounts.wallet(pair[0].party_id, "EUR"), reason="a test")
    before = everything(pair)
    code = "account_frozen" if verb == "freeze" else "account_closed"
    assert code == _refusal(server.client(payer), door, body_of((payer, payee)))
    keys = {"pay": {"keys": 1}, "authorise": {"keys": 1}, "preview": {}}
    left = keys.get(door, {"keys": 2, "batches": 1, "batch parts": 1})
    for who, (rows, contents) in zip(pair, before, strict=True):
        assert grown(rows, rows_of(who)) == (left if who is payer else {})
        assert contents_of(who) == contents


def _refusal(client: Client, door: str, body: dict[str, Any]) -> str:
    """Send an order by one of the doors and return the code of its refusal."""
    if door == "batch":
        document = client.post(BATCHES, {"items": [{**body, "key": secrets.token_hex(8)}]}).document
        return str(document["items"][0]["problem"]["code"])
    if door == "preview":
        return str(client.post("/api/v1/payments/preview", body).document["problem"]["code"])
    reply: Reply = client.post("/api/v1/payments", {**body, **(LATER if door == "authorise" else {})})
    return str(json.loads(reply.text)["code"])


def everything(people: Pair) -> list[tuple[dict[str, int], Any]]:
    return [(rows_of(who), contents_of(who)) for who in people]


def assert_only_grown(people: Pair, before: list[tuple[dict[str, int], Any]], left: dict[str, int]) -> None:
    """Fail if there is more than what is to be left of it in the payer's rows, or anything else was changed."""
    for who, (rows, contents) in zip(people, before, strict=True):
        assert grown(rows, rows_of(who)) == (left if who is people[0] else {})
        assert contents_of(who) == contents


@pytest.mark.money
def test_control_an_order_that_counts_is_seen(server: Server, people: Pair) -> None:
    """A payment that is carried out changes rows of both: what is compared above would differ."""
    before = everything(people)
    assert server.client(people[0]).post("/api/v1/payments", body_of(people)).status == 201
    with pytest.raises(AssertionError):
        assert_only_grown(people, before, {})
