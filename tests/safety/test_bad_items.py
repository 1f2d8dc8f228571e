"""One bad item costs itself alone: a row that somebody holds, an item that always fails, a deadlock in a batch."""

import time
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection

from paysettle.kernel import batch, transactions
from paysettle.kernel.batch import run
from paysettle.kernel.errors import DomainError, InternalError
from paysettle.kernel.lane import Lane
from paysettle.ledger import accounts
from paysettle.ledger.models import Account
from paysettle.payments.operations.send import PaymentBook, send_payment
from tests.held import row_held
from tests.http import InProcess
from tests.money import balance, books_are_right
from tests.people import deposit, payment_order, person

pytestmark = pytest.mark.money


def test_a_locked_row_does_not_stall_the_lane() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no row locks")
    ana, ben, cem, dov = (person(name) for name in ("ana", "ben", "cem", "dov"))
    for somebody in (ana, cem):
        deposit(somebody, 100)
    lane = Lane(queue_max=100, deadline_s=20)
    with row_held(Account, accounts.wallet(ana.party_id, "EUR")):
        stuck = lane.submit(send_payment, payment_order(ana, ben, 10))
        time.sleep(0.2)
        others = [lane.submit(send_payment, payment_order(cem, dov, 1)) for _ in range(20)]
        assert [other.result(timeout=8).status for other in others] == [201] * 20
        started = time.monotonic()
        assert lane.submit(send_payment, payment_order(cem, dov, 1)).result(timeout=8).status == 201
        assert time.monotonic() - started < 2  # nobody waits for the lock any more
        assert not stuck.done()
    assert stuck.result(timeout=8).status == 201
    assert (balance(ana), balance(ben), balance(dov)) == (90, 10, 21)
    lane.close()
    books_are_right(ana, ben, cem, dov)


def test_a_row_that_stays_locked_costs_its_item_the_deadline() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no row locks")
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    lane = Lane(queue_max=100, deadline_s=3)
    with row_held(Account, accounts.wallet(ana.party_id, "EUR")):
        error = lane.submit(send_payment, payment_order(ana, ben, 10)).exception(timeout=10)
    assert isinstance(error, DomainError)
    assert (error.status, error.retryable) == (503, True)
    lane.close()
    assert balance(ana) == 100
    books_are_right(ana, ben)


class _Poisoned(Exception):
    """What the poisoned item raises."""


def _poison() -> AbstractContextManager[Any]:
    """Let an item fail whose note is `poison`."""
    decide = PaymentBook.decide

    def poisoned(self: PaymentBook, item: Any, now: Any) -> Any:
        if item.note == "poison":
            raise _Poisoned
        return decide(self, item, now)

    return patch.object(PaymentBook, "decide", poisoned)


def test_a_poisoned_item_fails_alone() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    orders = [payment_order(ana, ben, 1, note=note) for note in ("", "", "poison", "", "", "", "")]
    with _poison():
        outcomes = run(send_payment, orders)
    assert [outcome.status for outcome in outcomes] == [201, 201, 500, 201, 201, 201, 201]
    assert balance(ben) == 6
    books_are_right(ana, ben)


def test_a_poisoned_line_of_a_batch_costs_itself_alone_and_its_key_pays_later() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    items = [
        {"key": f"k{n}", "payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}, "note": note}
        for n, note in enumerate(("", "poison", ""))
    ]
    with _poison():
        lines = InProcess(ana).post("/api/v1/payment-batches", {"items": items}).document["items"]
    assert [line["status"] for line in lines] == [201, 500, 201]
    assert (lines[1]["problem"]["code"], lines[1]["problem"]["retryable"]) == ("internal_error", False)
    order = {name: items[1][name] for name in ("payee", "amount", "note")}
    assert InProcess(ana).post("/api/v1/payments", order, key="k1").status == 201
    assert balance(ben) == 3
    books_are_right(ana, ben)


def test_control_without_halves_all_fail_with_the_poisoned_one() -> None:
    """The planted bug: a batch that fails is given up as a whole."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    orders = [payment_order(ana, ben, 1, note=note) for note in ("", "poison", "")]

    def given_up(_operation: Any, items: Any, **_: Any) -> Any:
        return [InternalError()] * len(items)

    with _poison(), patch.object(batch, "_in_halves", given_up):
        outcomes = run(send_payment, orders)
    assert [outcome.status for outcome in outcomes] == [500] * 3
    assert balance(ben) == 0


def test_a_batch_that_deadlocks_goes_again_in_halves() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    sizes: list[int] = []
    execute = batch._execute

    def deadlocking(operation: Any, prepared: Any, tx: Any) -> Any:
        sizes.append(len(prepared))
        if len(prepared) > 2:
            raise OperationalError(1213, "Deadlock found when trying to get lock")
        return execute(operation, prepared, tx)

    with patch.object(batch, "_execute", deadlocking):
        outcomes = run(send_payment, [payment_order(ana, ben, 1) for _ in range(8)])
    assert [outcome.status for outcome in outcomes] == [201] * 8
    assert sizes == [8, 4, 2, 2, 4, 2, 2]
    assert balance(ben) == 8
    books_are_right(ana, ben)


def test_a_single_item_that_deadlocks_is_patient() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    runs: list[int] = []
    execute = batch._execute

    def deadlocking(operation: Any, prepared: Any, tx: Any) -> Any:
        runs.append(1)
        if len(runs) < transactions.ATTEMPTS_MAX:
            raise OperationalError(1213, "Deadlock found when trying to get lock")
        return execute(operation, prepared, tx)

    with patch.object(batch, "_execute", deadlocking):
        (outcome,) = run(send_payment, [payment_order(ana, ben, 1)])
    assert outcome.status == 201
    books_are_right(ana, ben)


def test_control_without_skip_locked_everybody_waits() -> None:
    """Control: a lane that never passes over locked rows lets everybody wait behind the stuck one."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no row locks")
    ana, ben, cem, dov = (person(name) for name in ("ana", "ben", "cem", "dov"))
    for somebody in (ana, cem):
        deposit(somebody, 100)
    lane = Lane(queue_max=100, deadline_s=20)

    def never_skips(work: Any, **options: Any) -> Any:
        return run_transaction(work, **{**options, "skip_locked": False})

    run_transaction = transactions.run
    with patch.object(transactions, "run", never_skips), row_held(Account, accounts.wallet(ana.party_id, "EUR")):
        orders = [payment_order(ana, ben, 10), payment_order(cem, dov, 1)]
        outcomes = [lane.submit(send_payment, order) for order in orders]
        errors = [outcome.exception(timeout=15) for outcome in outcomes]
    assert any(error is not None for error in errors)
    lane.close()
