"""X5: no order that is wrong in any way moves money or leaves a row, and each is refused with a code of its own.

The same table is held against payments and against settlements that are asked for. The order it starts from is right:
it is carried out when nothing is changed, so that no row of the table is refused for another reason than its own.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.people import Person, deposit, person
from tests.plugin import ALL
from tests.safety.rows import Rows, grown, rows_of
from tests.server import Client, Reply, Server

JSON = "application/json"


@dataclass(frozen=True)
class Door:
    """One of the two addresses that take orders."""

    path: str
    other: str
    """The field that names the other party."""
    extra: dict[str, Any]


PAY = Door("/api/v1/payments", "payee", {"note": "dinner"})
ASK = Door("/api/v1/settlements", "debtor", {"reason": "dinner"})


class Desk:
    """Ana with money, ben, a door, and what was there before."""

    def __init__(self, server: Server, door: Door, ana: Person, ben: Person) -> None:
        self.door = door
        self.ana = ana
        self.ben = ben
        self.client: Client = server.client(ana)
        self.before = (rows_of(ana), rows_of(ben))

    def body(self, **changes: Any) -> dict[str, Any]:
        """Return a good order, with changes: `other` for the other party, None as a value stays null."""
        found = {self.door.other: self.ben.handle, "amount": {"amount": 10, "currency": "EUR"}, **self.door.extra}
        for name, value in changes.items():
            found[self.door.other if name == "other" else name] = value
        return found

    def send(self, content: str | bytes | dict[str, Any], *, key: str | None = "", content_type: str = JSON) -> Reply:
        """Send an order; the key is fresh unless given, None for none."""
        raw = content if isinstance(content, bytes) else self._text(content).encode()
        headers = {"Content-Type": content_type} if content_type else {}
        if key is not None:
            headers["Idempotency-Key"] = key or secrets.token_hex(12)
        return self.client.raw(self.door.path, raw, headers)

    def grown(self) -> tuple[Rows, Rows]:
        """Return by how much ana's and ben's rows have grown."""
        return grown(self.before[0], rows_of(self.ana)), grown(self.before[1], rows_of(self.ben))

    def _text(self, content: str | dict[str, Any]) -> str:
        return content if isinstance(content, str) else json.dumps(content)


@pytest.fixture(scope="module")
def people() -> tuple[Person, Person]:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10**15)
    return ana, ben


@pytest.fixture(params=[PAY, ASK], ids=["pay", "ask"])
def desk(request: pytest.FixtureRequest, server: Server, people: tuple[Person, Person]) -> Desk:
    return Desk(server, request.param, *people)


@pytest.mark.money
def test_the_order_that_all_rows_change_is_carried_out(desk: Desk) -> None:
    assert desk.send(desk.body()).status == 201
    assert desk.send(desk.body(), content_type="application/json; charset=UTF-8").status == 201
    assert desk.send(desk.body(amount={"amount": 1, "currency": "EUR"}), key="x" * 255).status == 201
    ana_grew, ben_grew = desk.grown()
    assert (ana_grew["keys"], ana_grew["events"]) == (3, 3)
    assert ben_grew["payments" if desk.door is PAY else "settlements"] == 3


def _amount(literal: str) -> Callable[[Desk], str]:
    return lambda desk: json.dumps(desk.body(amount={"amount": "@", "currency": "EUR"})).replace('"@"', literal)


def _currency(value: Any) -> Callable[[Desk], dict[str, Any]]:
    return lambda desk: desk.body(amount={"amount": 10, "currency": value})


def _with(**changes: Any) -> Callable[[Desk], dict[str, Any]]:
    return lambda desk: desk.body(**changes)


def _without(name: str) -> Callable[[Desk], dict[str, Any]]:
    return lambda desk: {k: v for k, v in desk.body().items() if k != (desk.door.other if name == "other" else name)}


FIELDS: dict[str, tuple[Callable[[Desk], str | dict[str, Any]], str, str]] = {
    "amount negative": (_amount("-1"), "/amount/amount", "not_positive"),
    "amount zero": (_amount("0"), "/amount/amount", "not_positive"),
    "amount minus zero": (_amount("-0"), "/amount/amount", "not_whole"),
    "amount as text": (_amount('"10"'), "/amount/amount", "not_a_number"),
    "amount with a decimal point": (_amount("10.0"), "/amount/amount", "not_whole"),
    "amount below the smallest coin": (_amount("0.01"), "/amount/amount", "not_whole"),
    "amount finer than the smallest coin": (_amount("12.505"), "/amount/amount", "not_whole"),
    "amount of a tenth of a yen": (
        lambda desk: json.dumps(desk.body(amount={"amount": 0.1, "currency": "JPY"})),
        "/amount/amount",
        "not_whole",
    ),
    "amount with an exponent": (_amount("1e3"), "/amount/amount", "not_whole"),
    "amount beyond floats": (_amount("1e400"), "/amount/amount", "not_whole"),
    "amount just too large": (_amount(str(10**15 + 1)), "/amount/amount", "too_large"),
    "amount of 1e18": (_amount(str(10**18)), "/amount/amount", "too_large"),
    "amount of 2^63-1": (_amount(str(2**63 - 1)), "/amount/amount", "too_large"),
    "amount of 2^63": (_amount(str(2**63)), "/amount/amount", "too_large"),
    "amount of a hundred digits": (_amount("9" * 100), "/amount/amount", "too_large"),
    "amount of minus a hundred digits": (_amount("-" + "9" * 100), "/amount/amount", "not_positive"),
    "amount true": (_amount("true"), "/amount/amount", "not_a_number"),
    "amount null": (_amount("null"), "/amount/amount", "required"),
    "amount a list": (_amount("[10]"), "/amount/amount", "not_a_number"),
    "amount an object": (_amount('{"amount": 10}'), "/amount/amount", "not_a_number"),
    "amount missing": (_with(amount={"currency": "EUR"}), "/amount/amount", "required"),
    "money missing": (_without("amount"), "/amount", "required"),
    "money null": (_with(amount=None), "/amount", "required"),
    "money a number": (_with(amount=10), "/amount", "not_an_object"),
    "money with an unknown field": (
        _with(amount={"amount": 10, "currency": "EUR", "decimal": "0.10"}),
        "/amount/decimal",
        "unknown_field",
    ),
    "currency unknown": (_currency("EUX"), "/amount/currency", "unknown_currency"),
    "currency in lower case": (_currency("eur"), "/amount/currency", "unknown_currency"),
    "currency of gold": (_currency("XAU"), "/amount/currency", "unknown_currency"),
    "currency of tests": (_currency("XTS"), "/amount/currency", "unknown_currency"),
    "currency by its number": (_currency(978), "/amount/currency", "unknown_currency"),
    "currency with a blank": (_currency("EUR "), "/amount/currency", "unknown_currency"),
    "currency in look-alike letters": (_currency("ЕUR"), "/amount/currency", "unknown_currency"),  # noqa: RUF001
    "currency empty": (_currency(""), "/amount/currency", "unknown_currency"),
    "currency null": (_currency(None), "/amount/currency", "required"),
    "currency missing": (_with(amount={"amount": 10}), "/amount/currency", "required"),
    "other party missing": (_without("other"), "/{other}", "required"),
    "other party null": (_with(other=None), "/{other}", "required"),
    "other party empty": (_with(other=" "), "/{other}", "empty"),
    "other party a number": (_with(other=7), "/{other}", "not_a_text"),
    "other party too long": (_with(other="a" * 41), "/{other}", "too_long"),
    "other party with NUL": (_with(other="ben\0"), "/{other}", "not_printable"),
    "field unknown": (_with(fee=0), "/fee", "unknown_field"),
    "field of ours": (_with(state="completed"), "/state", "unknown_field"),
    "field with a strange name": (lambda desk: {**desk.body(), "a/b~c": 1}, "/a~1b~0c", "unknown_field"),
    "text with NUL": (lambda desk: desk.body(**dict.fromkeys(desk.door.extra, "a\0b")), "/{text}", "not_printable"),
    "text with a line break": (
        lambda desk: desk.body(**dict.fromkeys(desk.door.extra, "a\nb")),
        "/{text}",
        "not_printable",
    ),
    "text that turns around": (
        lambda desk: desk.body(**dict.fromkeys(desk.door.extra, "a\u202eb")),
        "/{text}",
        "not_printable",
    ),
    "text too long": (lambda desk: desk.body(**dict.fromkeys(desk.door.extra, "é" * 281)), "/{text}", "too_long"),
    "text a number": (lambda desk: desk.body(**dict.fromkeys(desk.door.extra, 7)), "/{text}", "not_a_text"),
    "text a float": (
        lambda desk: json.dumps(desk.body(**dict.fromkeys(desk.door.extra, "@"))).replace('"@"', "1.5"),
        "/{text}",
        "not_a_text",
    ),
}


@pytest.mark.shared(*ALL)  # refused before the database is asked
@pytest.mark.parametrize("row", FIELDS)
def test_a_wrong_field_is_named_and_nothing_happens(desk: Desk, row: str) -> None:
    make, pointer, code = FIELDS[row]
    reply = desk.send(make(desk))
    wanted = pointer.format(other=desk.door.other, text=next(iter(desk.door.extra)))
    assert (reply.status, reply.document["code"]) == (422, "invalid_request")
    assert [(e["pointer"], e["code"]) for e in reply.document["errors"]] == [(wanted, code)]
    assert desk.grown() == ({}, {})


GOOD = '{"other": "x", "amount": {"amount": 10, "currency": "EUR"}}'

BODIES: dict[str, tuple[bytes, str, int, str]] = {
    "a key twice": (GOOD.replace('"amount": 10', '"amount": 10, "amount": 11').encode(), JSON, 400, "malformed_body"),
    "NaN": (GOOD.replace("10", "NaN").encode(), JSON, 400, "malformed_body"),
    "Infinity": (GOOD.replace("10", "Infinity").encode(), JSON, 400, "malformed_body"),
    "minus Infinity": (GOOD.replace("10", "-Infinity").encode(), JSON, 400, "malformed_body"),
    "nested too deep": (GOOD.replace("10", "[" * 9 + "]" * 9).encode(), JSON, 400, "malformed_body"),
    "nested without end": (b'{"amount": ' + b"[" * 30_000, JSON, 400, "malformed_body"),
    "nested without end and closed": (b'{"a": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", JSON, 400, "malformed_body"),
    "a list": (b"[" + GOOD.encode() + b"]", JSON, 400, "malformed_body"),
    "a text": (b'"pay"', JSON, 400, "malformed_body"),
    "null": (b"null", JSON, 400, "malformed_body"),
    "empty": (b"", JSON, 400, "malformed_body"),
    "cut short": (GOOD[:-1].encode(), JSON, 400, "malformed_body"),
    "something after it": (GOOD.encode() + b"{}", JSON, 400, "malformed_body"),
    "single quotes": (GOOD.replace('"', "'").encode(), JSON, 400, "malformed_body"),
    "a comment": (GOOD.replace("10", "10 // ten").encode(), JSON, 400, "malformed_body"),
    "not UTF-8": (GOOD.encode().replace(b"x", b"\xff"), JSON, 400, "malformed_body"),
    "UTF-16": (GOOD.encode("utf-16"), JSON, 400, "malformed_body"),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD.encode(), JSON, 400, "malformed_body"),
    "half a surrogate pair": (GOOD.replace('"x"', '"\\ud800"').encode(), JSON, 400, "malformed_body"),
    "half a surrogate pair in a name": (GOOD.replace("other", "\\udc00").encode(), JSON, 400, "malformed_body"),
    "no content type": (GOOD.encode(), "", 415, "unsupported_media_type"),
    "plain text": (GOOD.encode(), "text/plain", 415, "unsupported_media_type"),
    "a form": (b"amount=10", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    "another charset": (GOOD.encode(), "application/json; charset=latin-1", 415, "unsupported_media_type"),
    "too large": (b'{"note": "' + b"x" * 70_000 + b'"}', JSON, 413, "body_too_large"),
}


@pytest.mark.shared(*ALL)  # refused before the database is asked
@pytest.mark.parametrize("row", BODIES)
def test_a_body_that_cannot_be_read_is_refused_and_nothing_happens(desk: Desk, row: str) -> None:
    content, content_type, status, code = BODIES[row]
    good = content.replace(b'"other"', f'"{desk.door.other}"'.encode()).replace(b'"x"', f'"{desk.ben.handle}"'.encode())
    reply = desk.send(good, content_type=content_type)
    assert (reply.status, reply.document["code"]) == (status, code)
    assert desk.grown() == ({}, {})


@pytest.mark.shared(*ALL)  # refused before the database is asked
@pytest.mark.parametrize(
    ("key", "code"),
    [
        pytest.param(None, "idempotency_key_missing", id="missing"),
        pytest.param(" ", "idempotency_key_invalid", id="empty"),
        pytest.param("x" * 256, "idempotency_key_invalid", id="too long"),
        pytest.param("clé", "idempotency_key_invalid", id="not ASCII"),
        pytest.param("a\tb", "idempotency_key_invalid", id="not printable"),
    ],
)
def test_a_bad_key_is_refused_and_nothing_happens(desk: Desk, key: str | None, code: str) -> None:
    reply = desk.send(desk.body(), key=key)
    assert (reply.status, reply.document["code"]) == (400, code)
    assert desk.grown() == ({}, {})


@pytest.mark.money
def test_nobody_pays_or_asks_themself(desk: Desk) -> None:
    code = "payment_to_oneself" if desk.door is PAY else "settlement_with_oneself"
    for oneself in (desk.ana.handle, desk.ana.party):
        reply = desk.send(desk.body(other=oneself))
        assert (reply.status, reply.document["code"]) == (422, code)
    assert desk.grown() == ({}, {})


@pytest.mark.money
@pytest.mark.parametrize(
    "other",
    [
        "nobody-here",
        pytest.param("par_" + "0" * 26, id="the system itself"),
        "par_01",
        "BEN",
        "ben; --",
        "usr_" + "0" * 26,
    ],
)
def test_nobody_pays_or_asks_a_stranger(desk: Desk, other: str) -> None:
    reply = desk.send(desk.body(other=other))
    assert (reply.status, reply.document["code"]) == (422, f"{desk.door.other}_not_found")
    assert desk.grown() == ({}, {})


@pytest.mark.money
def test_a_currency_that_one_does_not_have_is_no_money(server: Server, people: tuple[Person, Person]) -> None:
    desk = Desk(server, PAY, *people)
    reply = desk.send(desk.body(amount={"amount": 1, "currency": "JPY"}))
    assert (reply.status, reply.document["code"]) == (422, "insufficient_funds")
    assert desk.grown() == ({"keys": 1}, {})


@pytest.mark.money
def test_control_a_row_that_was_left_behind_is_seen(server: Server, people: tuple[Person, Person]) -> None:
    """An order that is carried out changes the counts of both: comparing them with nothing would fail."""
    desk = Desk(server, PAY, *people)
    assert desk.send(desk.body()).status == 201
    ana_grew, ben_grew = desk.grown()
    assert ana_grew == {"payments": 1, "transfers": 1, "entries": 1, "keys": 1, "events": 1}
    assert ben_grew == {"payments": 1, "transfers": 1, "entries": 1}
