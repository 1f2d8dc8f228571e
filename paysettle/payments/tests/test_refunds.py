"""Refunds: whole and partial, several, never above what was captured."""

import pytest

from tests.http import InProcess
from tests.money import balance, books_are_right
from tests.moves import authorise, capture, refund
from tests.people import Person, deposit, pay, person

pytestmark = pytest.mark.money


def paid(amount_minor: int = 100) -> tuple[Person, Person, str]:
    ana, ben = person("ana"), person("ben")
    deposit(ana, amount_minor)
    return ana, ben, pay(ana, ben, amount_minor).document()["id"]


def test_it_works() -> None:
    ana, ben, payment = paid()
    answer = refund(ben, payment)
    assert answer.status == 201
    assert answer.document()["id"].startswith("ref_")
    assert (answer.document()["payment"], answer.document()["amount"]["amount"]) == (payment, 100)
    assert (balance(ana), balance(ben)) == (100, 0)
    books_are_right(ana, ben)


def test_several_parts_never_add_up_to_more_than_was_paid() -> None:
    ana, ben, payment = paid()
    assert refund(ben, payment, 40).status == 201
    assert refund(ben, payment, 61).document()["code"] == "refund_exceeds_payment"
    assert refund(ben, payment, 60).status == 201
    assert refund(ben, payment, 1).document()["code"] == "refund_exceeds_payment"
    assert refund(ben, payment).document()["code"] == "refund_exceeds_payment"
    assert (balance(ana), balance(ben)) == (100, 0)
    books_are_right(ana, ben)


def test_a_payee_without_funds_is_refused_for_good() -> None:
    _ana, ben, payment = paid()
    pay(ben, person("cem"), 70)
    assert refund(ben, payment).document()["code"] == "insufficient_funds"
    assert refund(ben, payment, 30).status == 201


def test_only_what_was_captured_is_refunded() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    payment = authorise(ana, ben, 100).document()["id"]
    assert refund(ben, payment, 1).document()["code"] == "nothing_to_refund"
    capture(ben, payment, 30)
    assert refund(ben, payment, 31).document()["code"] == "refund_exceeds_payment"
    assert refund(ben, payment, 30).status == 201
    assert capture(ben, payment, 70).document()["state"] == "completed"
    assert (balance(ana), balance(ben)) == (30, 70)
    books_are_right(ana, ben)


def test_the_same_key_refunds_once() -> None:
    ana, ben, payment = paid()
    first, second = (refund(ben, payment, 40, key="k") for _ in range(2))
    assert (second.text, second.replayed) == (first.text, True)
    assert balance(ana) == 40


def test_it_is_found_by_its_key() -> None:
    ana, ben, payment = paid()
    refund(ben, payment, 1)
    made = refund(ben, payment, 2, key="second").document()
    path = f"/api/v1/payments/{payment}/refunds?idempotency_key"
    assert InProcess(ben).get(f"{path}=second").document["data"] == [made]
    assert InProcess(ben).get(f"{path}=third").document["data"] == []
    assert InProcess(ana).get(f"{path}=second").document["data"] == []  # a key is its party's own
    refund(ben, payment, 1000, key="refused")
    assert InProcess(ben).get(f"{path}=refused").document["data"] == []
    reply = InProcess(ben).get(f"{path}=")
    assert (reply.status, reply.document["code"]) == (400, "idempotency_key_invalid")
