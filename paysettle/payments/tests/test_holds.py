"""Authorise now, capture later: held money is neither spendable nor spent."""

import time
from datetime import timedelta

import pytest

from paysettle.kernel.batch import run
from paysettle.kernel.errors import DomainError
from paysettle.ledger import queries as ledger
from paysettle.payments.lifecycle import Verb
from paysettle.payments.operations.expiry import expire_due
from paysettle.payments.operations.moves import move_payment
from tests.money import balance, books_are_right
from tests.moves import WEEK, authorise, capture, move_order, refund, release
from tests.people import Person, deposit, pay, person

pytestmark = pytest.mark.money


def wallet(of: Person) -> tuple[int, int, int]:
    """Return booked, held and available, in minor units."""
    found = ledger.wallets(of.party_id)[0]
    return found.booked.amount_minor, found.held.amount_minor, found.available.amount_minor


def held(amount_minor: int = 100, funds_minor: int = 100, hold_for: timedelta = WEEK) -> tuple[Person, Person, str]:
    ana, ben = person("ana"), person("ben")
    deposit(ana, funds_minor)
    answer = authorise(ana, ben, amount_minor, hold_for=hold_for)
    assert answer.status == 201
    assert answer.document()["state"] == "authorised"
    return ana, ben, answer.document()["id"]


def test_a_hold_counts_against_what_is_available() -> None:
    ana, ben, _ = held(60)
    assert wallet(ana) == (100, 60, 40)
    assert pay(ana, ben, 41).document()["code"] == "insufficient_funds"
    assert authorise(ana, ben, 41).document()["code"] == "insufficient_funds"
    assert pay(ana, ben, 40).status == 201
    assert wallet(ana) == (60, 60, 0)
    books_are_right(ana, ben)


def test_all_of_it_is_captured() -> None:
    ana, ben, payment = held()
    document = capture(ben, payment).document()
    assert (document["state"], document["captured"]["amount"]) == ("completed", 100)
    assert (wallet(ana), balance(ben)) == ((0, 0, 0), 100)
    books_are_right(ana, ben)


def test_several_parts_are_captured_and_the_last_gives_the_rest_back() -> None:
    ana, ben, payment = held()
    assert capture(ben, payment, 30).document()["state"] == "authorised"
    assert capture(ben, payment, 20).document()["captured"]["amount"] == 50
    document = capture(ben, payment, 10, final=True).document()
    assert (document["state"], document["captured"]["amount"]) == ("completed", 60)
    assert (wallet(ana), balance(ben)) == ((40, 0, 40), 60)
    assert capture(ben, payment, 1).document()["code"] == "payment_not_authorised"
    books_are_right(ana, ben)


def test_more_than_is_held_cannot_be_captured() -> None:
    ana, ben, payment = held(60)
    assert capture(ben, payment, 61).document()["code"] == "capture_exceeds_hold"
    capture(ben, payment, 50)
    assert capture(ben, payment, 11).document()["code"] == "capture_exceeds_hold"
    assert wallet(ana) == (50, 10, 40)


def test_released_money_is_the_payers_again() -> None:
    ana, ben, payment = held(60)
    assert release(ben, payment).document()["state"] == "released"
    assert wallet(ana) == (100, 0, 100)
    assert release(ben, payment).document()["code"] == "payment_not_authorised"
    assert capture(ben, payment).document()["code"] == "payment_not_authorised"
    books_are_right(ana, ben)


def test_a_partly_captured_payment_that_is_released_is_completed() -> None:
    ana, ben, payment = held(60)
    capture(ben, payment, 10)
    assert release(ben, payment).document()["state"] == "completed"
    assert wallet(ana) == (90, 0, 90)
    books_are_right(ana, ben)


def test_after_its_deadline_nothing_is_captured_whether_or_not_the_worker_has_run() -> None:
    ana, ben, payment = held(60, hold_for=timedelta(milliseconds=50))
    time.sleep(0.1)
    assert capture(ben, payment).document()["code"] == "hold_expired"
    assert wallet(ana) == (100, 60, 40)
    while expire_due():
        pass
    assert wallet(ana) == (100, 0, 100)
    assert capture(ben, payment).document()["code"] == "payment_not_authorised"
    books_are_right(ana, ben)


def test_nothing_expires_before_its_deadline() -> None:
    ana, ben, payment = held(60)
    (refusal,) = run(move_payment, [move_order(ben, Verb.EXPIRE, payment)])
    assert isinstance(refusal, DomainError)
    assert refusal.code == "hold_not_due"
    assert wallet(ana) == (100, 60, 40)


@pytest.mark.parametrize("move", [capture, release, refund])
def test_only_the_payee_moves_it(move: object) -> None:
    ana, _ben, payment = held()
    cem = person("cem")
    for somebody, code in ((ana, "not_the_payee"), (cem, "not_found")):
        with pytest.raises(DomainError) as refusal:
            move(somebody, payment)  # type: ignore[operator]
        assert refusal.value.code == code


def test_the_same_key_captures_once() -> None:
    ana, ben, payment = held()
    first, second = (capture(ben, payment, 40, key="k") for _ in range(2))
    assert (second.text, second.replayed) == (first.text, True)
    assert wallet(ana) == (60, 60, 0)


def test_a_batch_decides_in_arrival_order() -> None:
    ana, ben, payment = held()
    orders = [
        move_order(ben, Verb.CAPTURE, payment, 40),
        move_order(ben, Verb.RELEASE, payment),
        move_order(ben, Verb.CAPTURE, payment, 1),
    ]
    assert [outcome.status for outcome in run(move_payment, orders)] == [200, 200, 409]
    assert (wallet(ana), balance(ben)) == ((60, 0, 60), 40)
    books_are_right(ana, ben)
