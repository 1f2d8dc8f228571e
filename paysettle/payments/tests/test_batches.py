"""Bulk: each order succeeds or fails by itself; what is sent or carried out again changes nothing."""

import threading
import time
from concurrent.futures import Future
from typing import Any
from unittest.mock import patch

import pytest

from paysettle.kernel import batch
from paysettle.kernel.errors import Unavailable
from paysettle.kernel.idempotency import Answer
from paysettle.kernel.lane import lane
from paysettle.payments import bulk_runner
from paysettle.payments.api import batches
from paysettle.payments.models import PaymentBatch
from paysettle.payments.operations import bulk
from paysettle.payments.operations.send import send_payment
from paysettle.payments.operations.treasury import move_treasury
from tests.http import InProcess
from tests.money import balance, books_are_right
from tests.people import Person, deposit, deposit_order, pay, person

pytestmark = pytest.mark.money

PATH = "/api/v1/payment-batches"


def item(to: Person, amount_minor: int, key: str, **changed: Any) -> dict[str, Any]:
    return {"key": key, "payee": to.handle, "amount": {"amount": amount_minor, "currency": "EUR"}, **changed}


def test_it_works() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    items = [item(ben, n, f"k{n}") for n in (10, 20, 30)]
    reply = InProcess(ana).post(PATH, {"items": items})
    document = reply.document
    assert (reply.status, document["state"], document["succeeded"], document["refused"]) == (200, "done", 3, 0)
    assert [one["status"] for one in document["items"]] == [201, 201, 201]
    assert (balance(ana), balance(ben)) == (40, 60)
    paid = [InProcess(ana).get(f"/api/v1/payments/{one['payment']}").document for one in document["items"]]
    assert [payment["amount"]["amount"] for payment in paid] == [10, 20, 30]
    books_are_right(ana, ben)


def test_a_bad_line_is_named_and_the_others_are_paid() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    items = [
        item(ben, 10, "good"),
        item(ben, -1, "negative"),
        item(ben, 10, "unknown") | {"payee": "nobody-at-all"},
        item(ben, 500, "too-much"),
        "nonsense",
        item(ben, 10, "extra", surprise=1),
        item(ben, 10, ""),
        item(ben, 10, "last"),
    ]
    document = InProcess(ana).post(PATH, {"items": items}).document
    assert [one["status"] for one in document["items"]] == [201, 422, 422, 422, 422, 422, 422, 201]
    problems = [one["problem"] for one in document["items"]]
    assert [p and p["code"] for p in problems[1:4]] == ["invalid_request", "payee_not_found", "insufficient_funds"]
    assert problems[1]["errors"][0]["pointer"] == "/items/1/amount/amount"
    assert problems[4]["errors"][0]["pointer"] == "/items/4"
    assert problems[5]["errors"][0]["pointer"] == "/items/5/surprise"
    assert (document["succeeded"], document["refused"]) == (2, 6)
    assert balance(ben) == 20
    books_are_right(ana, ben)


def test_a_batch_that_is_sent_again_changes_nothing_and_answers_the_same() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    body = {"items": [item(ben, 10, "a"), item(ben, 1000, "b")]}
    first, second = (InProcess(ana).post(PATH, body, key="batch") for _ in range(2))
    assert (second.status, second.document) == (first.status, first.document)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert balance(ben) == 10
    other = InProcess(ana).post(PATH, {"items": [item(ben, 11, "a")]}, key="batch")
    assert (other.status, other.document["code"]) == (422, "idempotency_key_reused")
    assert other.document["object_id"] == first.document["id"]


@pytest.mark.parametrize(
    ("currency", "whole", "weights", "parts"),
    [
        ("EUR", 100_00, [None, None, None], [33_34, 33_33, 33_33]),
        ("JPY", 1000, [2, 1, None], [500, 250, 250]),
        ("BHD", 10, [1, 2, 4], [1, 3, 6]),
        ("CLF", 12345, [3, 2, 1], [6173, 4115, 2057]),
    ],
)
def test_an_amount_is_split_to_the_last_minor_unit(
    currency: str, whole: int, weights: list[int | None], parts: list[int]
) -> None:
    ana, payees = person("ana"), [person(f"payee-{n}") for n in range(len(parts))]
    deposit(ana, whole, currency)
    weighed = [{} if weight is None else {"weight": weight} for weight in weights]
    items = [{"key": payee.handle, "payee": payee.handle, **one} for payee, one in zip(payees, weighed, strict=True)]
    split = {"amount": {"amount": whole, "currency": currency}, "items": items}
    first, again = (InProcess(ana).post(PATH, split, key="split") for _ in range(2))
    assert (first.status, first.document["succeeded"]) == (200, len(parts))
    assert (again.document, again.headers["Idempotent-Replayed"]) == (first.document, "true")
    assert [balance(payee, currency) for payee in payees] == parts
    assert balance(ana, currency) == 0
    books_are_right(ana, *payees)


def test_a_split_whose_one_part_is_refused_pays_the_others_theirs() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    items = [{"key": "a", "payee": ben.handle}, {"key": "b", "payee": "nobody-at-all"}]
    document = InProcess(ana).post(PATH, {"amount": {"amount": 99, "currency": "EUR"}, "items": items}).document
    assert [one["status"] for one in document["items"]] == [201, 422]
    assert (balance(ana), balance(ben)) == (50, 50)
    books_are_right(ana, ben)


def test_an_item_and_a_single_payment_share_their_keys() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    body = item(ben, 10, "same")
    single = InProcess(ana).post("/api/v1/payments", {k: v for k, v in body.items() if k != "key"}, key="same")
    document = InProcess(ana).post(PATH, {"items": [body, item(ben, 99, "same")]}).document
    assert document["items"][0]["payment"] == single.document["id"]
    refused = document["items"][1]["problem"]
    assert (refused["code"], refused["object_id"]) == ("idempotency_key_reused", single.document["id"])
    assert balance(ben) == 10


def test_what_was_interrupted_is_finished_by_the_worker() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    items = [item(ben, 10, f"k{n}") for n in range(5)]
    with (
        patch.object(bulk, "PART_ITEMS_MAX", 2),
        patch.object(bulk, "_keep", side_effect=Unavailable()),  # the first chunk is paid, and its outcome is lost
    ):
        reply = InProcess(ana).post(PATH, {"items": items})
    assert (reply.status, reply.document["state"]) == (202, "processing")
    assert balance(ben) == 20
    batch = PaymentBatch.objects.latest("created_at")
    assert bulk_runner.Resumer().step() is False  # somebody may still be at it
    PaymentBatch.objects.filter(id=batch.id).update(claimed_until=batch.created_at)
    assert bulk_runner.Resumer().step() is True
    document = InProcess(ana).get(reply.headers["Location"]).document
    assert (document["state"], document["succeeded"]) == ("done", 5)
    assert balance(ben) == 50
    books_are_right(ana, ben)


def test_a_batch_that_takes_longer_is_looked_at_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time to wait for it is over at once here, and it begins when it has been answered."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    answered, carry_out = threading.Event(), bulk.carry_out

    def late(*arguments: Any) -> None:
        assert answered.wait(20)
        carry_out(*arguments)

    monkeypatch.setattr(batches, "WAIT_S", 0)
    monkeypatch.setattr(bulk, "carry_out", late)
    reply = InProcess(ana).post(PATH, {"items": [item(ben, 10, "a"), item(ben, 1000, "b")]})
    assert (reply.status, reply.document["state"], reply.document["items"]) == (202, "processing", [])
    assert balance(ben) == 0
    answered.set()
    where = reply.headers["Location"]
    give_up_at = time.monotonic() + 20
    while (found := InProcess(ana).get(where)).document["state"] != "done":
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
    assert [one["status"] for one in found.document["items"]] == [201, 422]
    assert balance(ben) == 10
    books_are_right(ana, ben)


def test_items_have_pages() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    batch = InProcess(ana).post(PATH, {"items": [item(ben, 1, f"k{n}") for n in range(5)]}).document["id"]
    path, seen = f"{PATH}/{batch}/items?limit=2", []
    while path:
        page = InProcess(ana).get(path).document
        seen.append([one["n"] for one in page["data"]])
        path = page["next"]
    assert seen == [[0, 1], [2, 3], [4]]


def test_anothers_batch_is_not_there() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    batch = InProcess(ana).post(PATH, {"items": [item(ben, 1, "k")]}).document["id"]
    for path in (f"{PATH}/{batch}", f"{PATH}/{batch}/items", f"{PATH}/bat_x"):
        assert InProcess(ben).get(path).status == 404


@pytest.mark.parametrize("items", [[], "x", None, [{}] * 10_001], ids=["none", "text", "null", "too many"])
def test_what_is_no_batch_is_refused_whole(items: object) -> None:
    reply = InProcess(person("ana")).post(PATH, {"items": items})
    assert (reply.status, reply.document["errors"][0]["pointer"]) == (422, "/items")


def test_ten_thousand_at_once() -> None:
    """On a slow machine they take longer than a client is kept waiting: then it looks again."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 11_000)
    client = InProcess(ana)
    found = client.post(PATH, {"items": [item(ben, 1, f"k{n}") for n in range(10_000)]}).document
    give_up_at = time.monotonic() + 120
    while found["state"] == "processing":
        assert time.monotonic() < give_up_at
        time.sleep(0.5)
        found = client.get(f"{PATH}/{found['id']}").document
    assert (found["succeeded"], found["refused"]) == (10_000, 0)
    pay(ana, ben, 1)
    assert (balance(ana), balance(ben)) == (999, 10_001)
    books_are_right(ana, ben)


def test_batches_are_listed_and_found_by_their_key() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    client = InProcess(ana)
    first = client.post(PATH, {"items": [item(ben, 10, "a"), item(ben, 500, "b")]}, key="first").document
    second = client.post(PATH, {"items": [item(ben, 10, "c")]}, key="second").document
    for document in (first, second):
        del document["items"]
    assert (first["succeeded"], first["refused"]) == (1, 1)
    assert client.get(PATH).document["data"] == [second, first]
    page = client.get(f"{PATH}?limit=1").document
    assert (page["data"], client.get(page["next"]).document["data"]) == ([second], [first])
    assert client.get(f"{PATH}?idempotency_key=first").document["data"] == [first]
    assert client.get(f"{PATH}?idempotency_key=a").document["data"] == []  # the key of a line is its payment's
    assert InProcess(ben).get(f"{PATH}?idempotency_key=first").document["data"] == []
    assert InProcess(ben).get(PATH).document["data"] == []


@pytest.mark.parametrize("lets_pass", [True, False], ids=["", "control"])
def test_who_waits_in_the_lane_comes_between_two_parts(monkeypatch: pytest.MonkeyPatch, lets_pass: bool) -> None:  # noqa: FBT001
    """The planted bug: a batch that goes on without a look at the lane."""
    ana, ben, cem = person("ana"), person("ben"), person("cem")
    deposit(ana, 2)
    monkeypatch.setattr(bulk, "PART_ITEMS_MAX", 1)
    if not lets_pass:
        monkeypatch.setattr(type(lane), "let_pass", lambda *_args, **_named: None)
    done: list[str] = []
    waiting: list[Future[Answer]] = []
    run = batch.run

    def noted(operation: Any, items: Any, **named: Any) -> Any:
        if operation is move_treasury:
            time.sleep(0.05)  # long enough for a part that does not wait
            outcomes = run(operation, items, **named)
            done.append("deposit")
            return outcomes
        outcomes = run(operation, items, **named)
        if operation is send_payment:
            done.append("part")
            if not waiting:
                waiting.append(lane.submit(move_treasury, deposit_order(cem, 1)))
        return outcomes

    monkeypatch.setattr(batch, "run", noted)
    assert InProcess(ana).post(PATH, {"items": [item(ben, 1, "a"), item(ben, 1, "b")]}).document["succeeded"] == 2
    waiting[0].result()
    assert done == (["part", "deposit", "part"] if lets_pass else ["part", "part", "deposit"])
