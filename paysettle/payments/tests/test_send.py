"""A payer pays a payee, through the lane, with real commits."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from paysettle.kernel.batch import run
from paysettle.kernel.errors import DomainError
from paysettle.kernel.idempotency import Answer
from paysettle.payments.operations.send import send_payment
from tests.money import balance, books_are_right
from tests.people import deposit, pay, payment_order, person

pytestmark = pytest.mark.money


def test_it_works() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10_000)
    answer = pay(ana, ben, 1_250)
    assert answer.status == 201
    assert answer.document()["amount"] == {"amount": 1250, "currency": "EUR", "decimal": "12.50"}
    assert (balance(ana), balance(ben)) == (8_750, 1_250)
    books_are_right(ana, ben)


def test_without_funds_it_is_refused_and_the_refusal_is_kept() -> None:
    ana, ben = person("ana"), person("ben")
    first = pay(ana, ben, 1, key="one")
    deposit(ana, 1)
    second = pay(ana, ben, 1, key="one")
    assert first.status == second.status == 422
    assert first.document()["code"] == "insufficient_funds"
    assert (first.text, first.replayed, second.replayed) == (second.text, False, True)
    assert (balance(ana), balance(ben)) == (1, 0)


def test_the_same_key_pays_once() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    first, second = pay(ana, ben, 60, key="k"), pay(ana, ben, 60, key="k")
    assert (second.text, second.status, second.replayed) == (first.text, 201, True)
    assert balance(ana) == 40


def test_the_same_key_with_another_request_is_refused_and_names_the_payment() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    first = pay(ana, ben, 60, key="k")
    with pytest.raises(DomainError) as refusal:
        pay(ana, ben, 61, key="k")
    assert refusal.value.code == "idempotency_key_reused"
    assert refusal.value.members["object_id"] == first.document()["id"]


def test_a_batch_decides_in_arrival_order() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    outcomes = run(
        send_payment, [payment_order(ana, ben, 60), payment_order(ana, ben, 60), payment_order(ana, ben, 40)]
    )
    assert [outcome.status for outcome in outcomes] == [201, 422, 201]
    assert balance(ana) == 0
    books_are_right(ana, ben)


def test_a_twin_in_the_same_batch_gets_the_same_answer() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    one, twin = (payment_order(ana, ben, 60, key="k") for _ in range(2))
    first, second = run(send_payment, [one, twin])
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert first.text == second.text
    assert balance(ben) == 60


def test_many_at_once() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 1_000)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: pay(ana, ben, 10), range(150)))
    assert sum(answer.status == 201 for answer in answers) == 100
    assert (balance(ana), balance(ben)) == (0, 1_000)
    books_are_right(ana, ben)
