"""The helper that owns a transaction: retried from the outside, never inside; unknown is never failed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from paysettle.identity.models import Party
from paysettle.kernel import batch, pipelining, transactions
from paysettle.kernel.errors import OutcomeUnknown, Unavailable
from paysettle.kernel.idempotency import Answer
from paysettle.kernel.transactions import Transaction
from paysettle.ledger import accounts
from paysettle.payments.operations.send import send_payment
from tests.people import deposit, payment_order, person
from tests.plugin import KIND

pytestmark = pytest.mark.money

DEADLOCK = OperationalError(1213, "Deadlock found when trying to get lock")
LOST = OperationalError(2013, "Lost connection to server during query")


@pytest.fixture(params=[False, True], ids=["as Django does", "plain"])
def plain(request: pytest.FixtureRequest) -> bool:
    """Both ways to begin and end a transaction."""
    return bool(request.param)


def test_a_transaction_that_was_rolled_back_runs_again_from_the_start(plain: bool) -> None:  # noqa: FBT001 - a fixture
    runs = []

    def work(tx: Transaction) -> str:
        runs.append(tx)
        if len(runs) == 1:
            raise DEADLOCK
        return "done"

    assert transactions.run(work, plain=plain) == "done"
    assert len(runs) == 2
    assert runs[0] is not runs[1]


def test_it_gives_up_after_some_attempts(plain: bool) -> None:  # noqa: FBT001 - a fixture
    def work(_tx: Transaction) -> None:
        raise DEADLOCK

    with pytest.raises(Unavailable):
        transactions.run(work, plain=plain)


def _currency(wallet: UUID) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT currency FROM ledger_account WHERE id = %s", [wallet.bytes])
        return str(cursor.fetchone()[0])


def _set_currency(tx: Transaction, wallet: UUID, currency: str) -> None:
    tx.execute("UPDATE ledger_account SET currency = %s WHERE id = %s", [currency, wallet.bytes])


def test_what_was_written_stays_without_any_event(plain: bool) -> None:  # noqa: FBT001 - a fixture
    wallet = accounts.wallet(person("ana").party_id, "EUR")
    transactions.run(lambda tx: _set_currency(tx, wallet, "USD"), plain=plain)
    connection.close()  # what was not committed would be gone
    assert _currency(wallet) == "USD"
    transactions.run(lambda tx: _set_currency(tx, wallet, "EUR"), plain=plain)


def test_an_error_undoes_everything(plain: bool) -> None:  # noqa: FBT001 - a fixture
    wallet = accounts.wallet(person("ana").party_id, "EUR")

    def work(tx: Transaction) -> None:
        _set_currency(tx, wallet, "USD")
        raise LookupError

    with pytest.raises(LookupError):
        transactions.run(work, plain=plain)
    assert _currency(wallet) == "EUR"


def test_what_was_only_looked_at_is_locked_no_longer(plain: bool) -> None:  # noqa: FBT001 - a fixture
    wallet = accounts.wallet(person("ana").party_id, "EUR")

    def look(tx: Transaction) -> None:
        tx.fetch_in("SELECT id FROM ledger_account WHERE id IN ({values})" + tx.for_update, [wallet.bytes])  # noqa: S608 - two constants

    transactions.run(look, plain=plain)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_touch, wallet).result(timeout=20)
    assert _currency(wallet) == "EUR"


def _touch(wallet: UUID) -> None:
    try:
        transactions.run(lambda tx: _set_currency(tx, wallet, "EUR"), attempts=1)
    finally:
        connection.close()


@pytest.mark.skipif(KIND == "sqlite", reason="on SQLite it is a transaction like any other")
def test_a_plain_transaction_runs_nothing_but_its_own() -> None:
    with pytest.raises(RuntimeError, match="nothing but its own"):
        transactions.run(lambda _tx: Party.objects.count(), plain=True)
    assert Party.objects.count() > 0


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite is in the process: there are no round trips")
def test_a_payment_is_three_round_trips() -> None:
    """Lock and read; write; events and COMMIT. BEGIN travels with the first."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    batch.run(send_payment, [payment_order(ana, ben, 1)])
    sent: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        sent.append(sql)
        return execute(sql, *arguments)

    with connection.execute_wrapper(note), patch.object(pipelining, "send", wraps=pipelining.send) as sent_ahead:
        [outcome] = batch.run(send_payment, [payment_order(ana, ben, 1)])
    assert isinstance(outcome, Answer)
    assert outcome.status == 201
    assert len(sent) + sent_ahead.call_count == 3
    assert sent[0].startswith("START TRANSACTION; SELECT")
    assert sent[-1].endswith("; COMMIT")


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


def test_a_connection_lost_before_commit_means_that_nothing_was_done(plain: bool) -> None:  # noqa: FBT001 - a fixture
    runs = []

    def work(_tx: Transaction) -> str:
        runs.append(1)
        if len(runs) == 1:
            raise LOST
        return "done"

    assert transactions.run(work, plain=plain) == "done"


def test_a_connection_lost_at_commit_is_unknown(plain: bool) -> None:  # noqa: FBT001 - a fixture
    def work(tx: Transaction) -> None:
        tx.committing = True
        raise LOST

    with pytest.raises(OutcomeUnknown):
        transactions.run(work, plain=plain)


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
