"""What a payment, a balance and a page of a statement read does not grow with what was ever paid: all go by a key."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection

from paysettle.kernel import batch, transactions
from paysettle.kernel.transactions import Reply, Transaction
from paysettle.ledger import accounts
from paysettle.ledger import queries as ledger
from paysettle.ledger.models import Entry
from paysettle.payments.operations.send import send_payment
from paysettle.settlements.operations.moves import move_settlement
from tests import loaded, spoilt
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
"""The lines that are shown, and a few to get there."""
ROWS_MAX = 500
"""Far more than one payment needs, far fewer than there are keys."""


def test_a_payment_and_a_request_read_few_rows_however_many_there_are() -> None:
    assert _rows_read() < ROWS_MAX


def test_balances_and_statements_read_as_many_rows_as_they_show() -> None:
    """However long the history."""
    ana, _ = _after_many()
    account = accounts.wallet(ana.party_id, "EUR")
    moment = Entry.objects.get(account_id=account, sequence=BEFORE // 2).booked_at
    last = ledger.mark_now(account)
    looks: dict[str, tuple[Callable[[], Any], int]] = {
        "balances": (lambda: ledger.wallets(ana.party_id), 5),
        "balance in the past": (lambda: ledger.balance_at(account, moment), 5),
        "page": (lambda: ledger.statement(account, above=0, upto=last.sequence, limit=PAGE), PAGE_ROWS_MAX),
        "page in the middle": (lambda: ledger.statement(account, above=0, upto=BEFORE // 2, limit=PAGE), PAGE_ROWS_MAX),
    }
    for name, (look, rows_max) in looks.items():
        look()
        before = _handler_reads()
        assert look()
        assert _handler_reads() - before <= rows_max, name


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
    batch.run(send_payment, [payment_order(ana, ben, 1) for _ in range(BEFORE)])
    loaded.analyse("ledger_account", "ledger_entry")
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
