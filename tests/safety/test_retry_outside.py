"""M3: a retry inside the transaction that deadlocked creates money; ours starts over from the outside.

Two transactions move 10 between two accounts in opposing order, so that they deadlock and the server takes one of
them back. A scratch table stands for the accounts: the ledger's own order of locks leaves no deadlock to show.
"""

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import OperationalError, connection, transaction

from paysettle.kernel import transactions
from paysettle.kernel.transactions import Transaction
from tests import spoilt
from tests.plugin import KIND

pytestmark = [
    pytest.mark.money,
    pytest.mark.skipif(KIND == "sqlite", reason="SQLite lets one transaction in at a time: it has no deadlocks"),
]

DEADLOCK = 1213
Execute = Callable[[str, list[int]], object]


@pytest.fixture
def meet(spoilt_database: None) -> Iterator[threading.Barrier]:  # noqa: ARG001 - the tables are in it
    """Two accounts with 100 each, and where two transactions wait for each other after their first statement."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE scratch (id INT PRIMARY KEY, balance INT NOT NULL)")
        cursor.execute("INSERT INTO scratch VALUES (1, 100), (2, 100)")
    yield threading.Barrier(2)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE scratch")


def test_a_transaction_that_deadlocks_is_run_again_from_outside(meet: threading.Barrier) -> None:
    runs: list[int] = []

    def move(first: int, second: int) -> None:
        def work(tx: Transaction) -> None:
            runs.append(first)
            tx.execute("UPDATE scratch SET balance = balance - 10 WHERE id = %s", [first])
            if runs.count(first) == 1:
                meet.wait(timeout=10)
            tx.execute("UPDATE scratch SET balance = balance + 10 WHERE id = %s", [second])

        transactions.run(work)

    spoilt.at_once([lambda: move(1, 2), lambda: move(2, 1)])
    assert len(runs) == 3  # the deadlock did happen
    assert _balances() == [100, 100]


def test_a_statement_cannot_be_tried_again_inside(meet: threading.Barrier) -> None:
    refusals: list[str] = []

    def move(first: int, second: int) -> None:
        def work(tx: Transaction) -> None:
            _move_and_retry_inside(tx.execute, first, second, meet)

        try:
            transactions.run(work)
        except RuntimeError as refusal:
            refusals.append(str(refusal))

    spoilt.at_once([lambda: move(1, 2), lambda: move(2, 1)])
    assert refusals == ["A statement of this transaction has failed: nothing more may run in it."]
    assert sum(_balances()) == 200


def test_control_a_retry_inside_the_block_creates_money(meet: threading.Barrier) -> None:
    """Django's block with a plain cursor lets the retry pass: the debit is gone, the credit commits alone."""

    def move(first: int, second: int) -> None:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            _move_and_retry_inside(cursor.execute, first, second, meet)

    spoilt.at_once([lambda: move(1, 2), lambda: move(2, 1)])
    assert sum(_balances()) == 210


def _move_and_retry_inside(execute: Execute, first: int, second: int, meet: threading.Barrier) -> None:
    execute("UPDATE scratch SET balance = balance - 10 WHERE id = %s", [first])
    meet.wait(timeout=10)
    try:
        execute("UPDATE scratch SET balance = balance + 10 WHERE id = %s", [second])
    except OperationalError as error:
        if error.args[0] != DEADLOCK:
            raise
        execute("UPDATE scratch SET balance = balance + 10 WHERE id = %s", [second])


def _balances() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT balance FROM scratch ORDER BY id")
        return [row[0] for row in cursor.fetchall()]
