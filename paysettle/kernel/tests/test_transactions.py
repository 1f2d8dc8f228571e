"""The helper that owns a transaction: retried from the outside, never inside; unknown is never failed."""

from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection, transaction

from paysettle.kernel import transactions
from paysettle.kernel.errors import OutcomeUnknown, Unavailable
from paysettle.kernel.transactions import Fault, Transaction
from paysettle.ledger import accounts
from tests.people import person

pytestmark = pytest.mark.money

DEADLOCK = OperationalError(1213, "Deadlock found when trying to get lock")
LOST = OperationalError(2013, "Lost connection to server during query")


def test_a_transaction_that_was_rolled_back_runs_again_from_the_start() -> None:
    runs = []

    def work(tx: Transaction) -> str:
        runs.append(tx)
        if len(runs) == 1:
            raise DEADLOCK
        return "done"

    assert transactions.run(work) == "done"
    assert len(runs) == 2
    assert runs[0] is not runs[1]


def test_it_gives_up_after_some_attempts() -> None:
    def work(_tx: Transaction) -> None:
        raise DEADLOCK

    with pytest.raises(Unavailable):
        transactions.run(work)


def test_nothing_runs_after_a_failed_statement() -> None:
    wallet = accounts.wallet(person("ana").party_id, "EUR")

    def work(tx: Transaction) -> None:
        tx.execute("UPDATE ledger_account SET currency = 'USD' WHERE id = %s", [wallet.bytes])
        with pytest.raises(OperationalError):
            tx.execute("UPDATE there_is_no_such_table SET x = 1")
        tx.execute("UPDATE ledger_account SET currency = 'CHF' WHERE id = %s", [wallet.bytes])

    # On MySQL an unknown table is a ProgrammingError; what matters is that the second update never runs.
    with pytest.raises((RuntimeError, Exception), match=r"nothing more may run|there_is_no_such_table"):
        transactions.run(work)
    with connection.cursor() as cursor:
        cursor.execute("SELECT currency FROM ledger_account WHERE id = %s", [wallet.bytes])
        assert cursor.fetchone()[0] == "EUR"


def test_a_connection_lost_before_commit_means_that_nothing_was_done() -> None:
    runs = []

    def work(_tx: Transaction) -> str:
        runs.append(1)
        if len(runs) == 1:
            raise LOST
        return "done"

    assert transactions.run(work) == "done"


def test_a_connection_lost_at_commit_is_unknown() -> None:
    def work(tx: Transaction) -> None:
        tx.committing = True
        raise LOST

    with pytest.raises(OutcomeUnknown):
        transactions.run(work)


def test_it_refuses_to_run_inside_another_transaction() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside another"):
        transactions.run(lambda _tx: None)


def test_what_was_collected_is_written_last() -> None:
    order: list[str] = []

    def work(tx: Transaction) -> None:
        tx.collected.append("something")
        order.append("work")

    with patch.object(transactions, "_last_step", lambda tx: order.append(f"last: {tx.collected}")):
        transactions.run(work)
    assert order == ["work", "last: ['something']"]


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (1213, Fault.ROLLED_BACK),
        (1020, Fault.ROLLED_BACK),
        (1205, Fault.ROLLED_BACK),
        (2006, Fault.GONE),
        (2013, Fault.GONE),
        (1047, Fault.GONE),
        (1180, Fault.GONE),
        (1290, Fault.GONE),
        (1062, Fault.DUPLICATE),
        (1114, Fault.FULL),
        (4025, Fault.BUG),
        (1690, Fault.BUG),
    ],
)
def test_each_error_has_its_class(code: int, fault: Fault) -> None:
    assert transactions.classify(OperationalError(code, "")) is fault


def test_only_the_statement_fails_is_never_swallowed(monkeypatch: Any) -> None:
    """Control: a Transaction that forgets its failure lets the rest of the block run, and the test above would fail."""
    monkeypatch.setattr(
        Transaction, "_failed", property(lambda _self: False, lambda _self, _value: None), raising=False
    )
    wallet = accounts.wallet(person("ana").party_id, "EUR")
    ran = []

    def work(tx: Transaction) -> None:
        with pytest.raises(Exception, match="there_is_no_such_table"):
            tx.execute("UPDATE there_is_no_such_table SET x = 1")
        tx.fetch("SELECT id FROM ledger_account WHERE id = %s", [wallet.bytes])
        ran.append(True)

    transactions.run(work)
    assert ran == [True]
