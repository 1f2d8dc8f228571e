"""Asking, approving, rejecting and withdrawing, through the lane, with real commits."""

from collections.abc import Callable

import pytest

from paysettle.kernel.batch import run
from paysettle.kernel.errors import DomainError
from paysettle.kernel.idempotency import Answer
from paysettle.settlements.lifecycle import Verb
from paysettle.settlements.operations.moves import move_settlement
from tests.money import balance, books_are_right
from tests.people import Person, deposit, person
from tests.settle import approve, ask, decision_order, reject, withdraw

pytestmark = pytest.mark.money


def test_it_works() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ben, 1_000)
    asked = ask(ana, ben, 400)
    assert (asked.status, asked.document()["state"], asked.document()["version"]) == (201, "requested", 1)
    settled = approve(ben, asked.document()["id"])
    document = settled.document()
    assert (settled.status, document["state"], document["version"]) == (200, "settled", 2)
    assert [move["what"] for move in document["moves"]] == ["request", "approve"]
    assert document["moves"][0]["reason"] == "dinner"
    assert (balance(ana), balance(ben)) == (400, 600)
    books_are_right(ana, ben)


def test_without_funds_it_stays_requested_and_a_new_key_settles_it_later() -> None:
    ana, ben = person("ana"), person("ben")
    settlement = ask(ana, ben, 400).document()["id"]
    refused = approve(ben, settlement, key="first")
    assert (refused.status, refused.document()["code"]) == (422, "insufficient_funds")
    deposit(ben, 400)
    assert approve(ben, settlement, key="first").text == refused.text
    assert approve(ben, settlement, key="second").document()["state"] == "settled"
    assert balance(ana) == 400
    books_are_right(ana, ben)


@pytest.mark.parametrize(("move", "by_asker", "state"), [(reject, False, "rejected"), (withdraw, True, "withdrawn")])
def test_it_ends_without_money(move: Callable[[Person, str], Answer], *, by_asker: bool, state: str) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ben, 400)
    settlement = ask(ana, ben, 400).document()["id"]
    assert move(ana if by_asker else ben, settlement).document()["state"] == state
    assert approve(ben, settlement, version=None).document()["code"] == "settlement_not_open"
    assert (balance(ana), balance(ben)) == (0, 400)


@pytest.mark.parametrize(
    ("move", "who", "code"),
    [
        (approve, "asker", "own_request"),
        (reject, "asker", "own_request"),
        (withdraw, "debtor", "not_your_move"),
        (approve, "stranger", "not_found"),
        (reject, "stranger", "not_found"),
        (withdraw, "stranger", "not_found"),
    ],
)
def test_it_is_not_everybodys_move(move: Callable[[Person, str], Answer], who: str, code: str) -> None:
    people = {"asker": person("ana"), "debtor": person("ben"), "stranger": person("cem")}
    deposit(people["debtor"], 400)
    deposit(people["asker"], 400)
    settlement = ask(people["asker"], people["debtor"], 400).document()["id"]
    with pytest.raises(DomainError) as refusal:
        move(people[who], settlement)
    assert refusal.value.code == code
    assert balance(people["debtor"]) == 400


def test_one_approves_what_one_has_seen() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ben, 400)
    settlement = ask(ana, ben, 400).document()["id"]
    with pytest.raises(DomainError) as refusal:
        approve(ben, settlement, version=2)
    assert refusal.value.code == "version_mismatch"


def test_nobody_asks_themself_or_nobody() -> None:
    ana = person("ana")
    with pytest.raises(DomainError) as refusal:
        ask(ana, ana, 1)
    assert refusal.value.code == "settlement_with_oneself"


def test_a_batch_decides_in_arrival_order() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ben, 400)
    settlement = ask(ana, ben, 400).document()["id"]
    outcomes = run(
        move_settlement,
        [
            decision_order(ana, Verb.WITHDRAW, settlement),
            decision_order(ben, Verb.APPROVE, settlement),
            decision_order(ben, Verb.REJECT, settlement, version=None),
        ],
    )
    assert [outcome.status for outcome in outcomes] == [200, 409, 409]
    assert balance(ben) == 400
    books_are_right(ana, ben)
