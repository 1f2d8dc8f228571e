"""What a payment, a balance and a page of a statement read does not grow with what was ever paid: all go by a key."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection

from paysettle.kernel import batch, transactions
from paysettle.kernel.idempotency import Keys
from paysettle.kernel.transactions import Reply, Transaction
from paysettle.ledger import accounts
from paysettle.ledger import queries as ledger
from paysettle.ledger.models import Entry
from paysettle.payments.lifecycle import State
from paysettle.payments.models import Payment
from paysettle.payments.operations.send import send_payment
from paysettle.settlements.operations.moves import move_settlement
from tests import loaded, spoilt
from tests.moves import authorise_order
from tests.orders import request_order
from tests.people import Person, payment_order, person
from tests.plugin import KIND

pytestmark = [
    pytest.mark.money,
    pytest.mark.usefixtures("spoilt_database"),
    pytest.mark.skipif(KIND == "sqlite", reason="SQLite does not count the rows it reads; its keys are the same"),
]

BEFORE = 1000
PAGE = 50
PAGE_ROWS_MAX = PAGE + 5
"""The lines that are shown, the one after them, and a few to get there."""
ROWS_MAX = 500
"""Far more than one payment needs, far fewer than there are keys."""


def test_a_payment_and_a_request_read_few_rows_however_many_there_are() -> None:
    assert _rows_read() < ROWS_MAX


def test_balances_and_statements_read_as_many_rows_as_they_show() -> None:
    """However long the history."""
    ana, _ = _after_many()
    account = accounts.wallet(ana.party_id, "EUR")
    moment = Entry.objects.get(account_id=account, sequence=BEFORE // 2).booked_at
    later = Entry.objects.get(account_id=account, sequence=3 * BEFORE // 4).booked_at

    def page(start: datetime | None, end: datetime | None) -> list[ledger.Line]:
        """Read what a page of a statement is made of, as the API does."""
        currency = ledger.currency_of(account, owner_id=ana.party_id)
        assert currency is not None
        opening = ledger.mark_before(account, start) if start else ledger.Mark(0, 0)
        closing = ledger.mark_before(account, end) if end else ledger.mark_now(account)
        return ledger.statement(account, currency, above=opening.sequence, upto=closing.sequence, limit=PAGE + 1)

    looks: dict[str, tuple[Callable[[], Any], int]] = {
        "balances": (lambda: ledger.wallets(ana.party_id), 5),
        "balance in the past": (lambda: ledger.balance_at(account, moment), 5),
        "page": (lambda: page(None, None), PAGE_ROWS_MAX),
        "page of a period": (lambda: page(moment, later), PAGE_ROWS_MAX),
        "due holds": (lambda: [ledger.due_holds(datetime.now(UTC), limit=PAGE)], 5),
    }
    for name, (look, rows_max) in looks.items():
        look()
        before = _handler_reads()
        assert look()
        assert _handler_reads() - before <= rows_max, name


def test_a_batch_reads_its_own_keys_whatever_the_database_believes() -> None:
    assert _rows_read_for_keys() < ROWS_MAX


@pytest.mark.skipif(KIND == "mariadb", reason="MariaDB was seen to read all of 100,000 keys, but not of so few")
def test_control_left_to_itself_the_database_reads_all_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the look-up of many keys is left to a database that counted them when they were few."""
    monkeypatch.setattr(Transaction, "_by_key", lambda _self, sql: sql.replace("{by_key}", ""))
    assert _rows_read_for_keys() > BEFORE


def _rows_read_for_keys() -> int:
    ana, ben = _after_many()
    _believe_it_is_small("kernel_idempotency_key")
    orders = [payment_order(ana, ben, 1) for _ in range(6 * PAGE)]
    before = _handler_reads()
    transactions.run(lambda tx: Keys(tx, "payment.send", "pay", orders).find(orders[0]))
    return _handler_reads() - before


def _believe_it_is_small(table: str) -> None:
    """Let the database think that a table has a row, until it counts again."""
    with connection.cursor() as cursor:
        for stats, what in (
            ("innodb_table_stats", "n_rows = 1, clustered_index_size"),
            ("innodb_index_stats", "stat_value"),
        ):
            cursor.execute(
                f"UPDATE mysql.{stats} SET {what} = 1"  # noqa: S608 - fixed names
                " WHERE database_name = DATABASE() AND table_name = %s",
                [table],
            )
        cursor.execute(f"FLUSH TABLE {table}")


def test_control_due_holds_looked_for_among_payments_read_them_all() -> None:
    """The planted bug: no key of payments begins with a state or a deadline."""
    _after_many()
    before = _handler_reads()
    assert list(Payment.objects.filter(state=State.AUTHORISED, expires_at__lte=datetime.now(UTC))) == []
    assert _handler_reads() - before > BEFORE


def test_control_a_page_that_skips_reads_what_it_skips() -> None:
    """The planted bug: an offset instead of a key."""
    ana, _ = _after_many()
    account = accounts.wallet(ana.party_id, "EUR")
    before = _handler_reads()
    assert Entry.objects.filter(account_id=account).order_by("-sequence")[BEFORE // 2 : BEFORE // 2 + PAGE].count()
    assert _handler_reads() - before > PAGE_ROWS_MAX


def test_control_a_search_without_a_key_reads_them_all() -> None:
    """A look-up by something that no key begins with reads every row: the bound above is passed."""
    with patch.object(transactions, "Transaction", Searching):
        assert _rows_read() > ROWS_MAX


class Searching(Transaction):
    """Looks for keys by what they do not begin with."""

    def ask(self, sql: str, values: Iterable[Any], parameters: Sequence[Any] = ()) -> Reply:
        return super().ask(sql.replace("digest IN", "fingerprint IN"), values, parameters)


def _after_many() -> tuple[Person, Person]:
    """Return somebody who has paid somebody else many times."""
    ana, ben = person("ana"), person("ben")
    spoilt.deposit(ana, 10_000)
    for _ in range(4):  # all lines of a batch have one time
        batch.run(send_payment, [payment_order(ana, ben, 1) for _ in range(BEFORE // 4)])
    batch.run(send_payment, [authorise_order(ana, ben, 1) for _ in range(PAGE)])
    loaded.analyse("ledger_account", "ledger_entry", "ledger_hold", "kernel_idempotency_key")
    return ana, ben


def _rows_read() -> int:
    """Return how many rows one payment and one request read after many others."""
    ana, ben = _after_many()
    before = _handler_reads()
    batch.run(send_payment, [payment_order(ana, ben, 1)])
    batch.run(move_settlement, [request_order(ana, ben, 1)])
    return _handler_reads() - before


def _handler_reads() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%%'", [])
        return sum(int(count) for _, count in cursor.fetchall())
