"""Writes that are sent and not waited for: what is wrong with them is known before COMMIT, and undone."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import Error, connection

from paysettle.kernel import batch, faults, pipelining, transactions
from paysettle.kernel.idempotency import Answer, Item, Keys, fingerprint
from paysettle.kernel.transactions import Transaction
from paysettle.ledger import accounts
from paysettle.ledger.models import Account
from paysettle.payments.operations.send import PaymentOrder, send_payment
from tests.money import balance, books_are_right
from tests.people import Person, deposit, payment_order, person

pytestmark = pytest.mark.money

MANY = 3 * batch.AHEAD + 7


def two_wallets() -> list[UUID]:
    return [accounts.wallet(person(name).party_id, "EUR") for name in ("ana", "ben")]


def currencies(wallets: Sequence[UUID]) -> set[str]:
    connection.close()  # what was not committed would be gone
    return set(Account.objects.filter(id__in=wallets).values_list("currency", flat=True))


def rename(tx: Transaction, wallets: Sequence[UUID], *sequences: int) -> None:
    """Give wallets another currency, of which each is expected to have this sequence."""
    rows = [(wallet.bytes, "USD", sequence) for wallet, sequence in zip(wallets, sequences, strict=True)]
    with tx.together():
        tx.update("ledger_account", ("currency",), rows, guard=("sequence",))


def test_what_was_sent_is_committed_also_when_nothing_comes_after_it() -> None:
    wallets = two_wallets()
    connection.close()  # nor must anything come before it
    transactions.run(lambda tx: rename(tx, wallets, 0, 0), plain=True)
    assert currencies(wallets) == {"USD"}


def test_a_row_that_is_not_as_expected_undoes_the_others() -> None:
    wallets = two_wallets()
    with pytest.raises(RuntimeError, match="1 rows changed under their locks"):
        transactions.run(lambda tx: rename(tx, wallets, 0, 5), plain=True)
    assert currencies(wallets) == {"EUR"}


def test_control_where_nobody_counts_half_of_it_is_committed() -> None:
    """The planted bug: COMMIT is sent without a look at what the statements before it have touched."""
    wallets = two_wallets()
    with patch.object(transactions, "_check_counts"):
        transactions.run(lambda tx: rename(tx, wallets, 0, 5), plain=True)
    assert currencies(wallets) == {"EUR", "USD"}


def test_a_statement_that_fails_undoes_the_others() -> None:
    ana, wallets = person("ana"), two_wallets()
    item = Item(party_id=ana.party_id, key="the same", fingerprint=fingerprint("x"), request_id="req_test")
    answer = Answer(201, "{}", None, "req_test")

    def twice(tx: Transaction) -> None:
        rename(tx, wallets, 0, 0)
        for _ in range(2):
            keys = Keys(tx, "test", "pay", [item])
            keys.remember(item, answer, success=True, at=tx.read_clock())
            with tx.together():
                keys.write()

    with pytest.raises(Error) as raised:
        transactions.run(twice, plain=True)
    assert faults.classify(raised.value) is faults.Fault.DUPLICATE
    assert currencies(wallets) == {"EUR"}


def swallow(wallets: Sequence[UUID]) -> None:
    """Let the first statement fail, and whoever runs it take no notice."""

    def work(tx: Transaction) -> None:
        with suppress(Error):
            tx.execute("UPDATE there_is_no_such_table SET x = 1")
        rename(tx, wallets, 0, 0)

    transactions.run(work, plain=True)


def test_nothing_is_sent_after_a_failed_statement() -> None:
    wallets = two_wallets()
    with pytest.raises(RuntimeError, match="nothing more may run"):
        swallow(wallets)
    assert currencies(wallets) == {"EUR"}


def test_control_unless_it_is_refused_the_rest_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: after an error that undid the first half, the second half commits alone."""
    wallets = two_wallets()
    monkeypatch.setattr(Transaction, "_refuse_after_failure", lambda _tx: None)
    swallow(wallets)
    assert currencies(wallets) == {"USD"}


def test_whoever_stops_while_results_are_due_undoes_it_and_the_connection_is_good() -> None:
    wallets = two_wallets()

    def stop(tx: Transaction) -> None:
        rename(tx, wallets, 0, 0)
        raise LookupError

    with pytest.raises(LookupError):
        transactions.run(stop, plain=True)
    transactions.run(lambda tx: tx.read_clock(), plain=True)
    assert currencies(wallets) == {"EUR"}


def orders(ana: Person, ben: Person) -> list[PaymentOrder]:
    """Return many orders: every seventh is above what there is, and texts have what must be escaped."""
    return [
        payment_order(ana, ben, 10**9 if n % 7 == 6 else 1, note=f"it's {n} % of \\ \N{SNOWMAN}") for n in range(MANY)
    ]


def test_a_batch_is_written_while_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, MANY)
    batch.run(send_payment, [payment_order(ana, ben, 1)])  # opens the wallet
    sent: list[int] = []
    receive = pipelining.receive

    def note(raw: Any, statements: int) -> list[int]:
        sent.append(statements)
        return receive(raw, statements)

    monkeypatch.setattr(pipelining, "receive", note)
    asked = orders(ana, ben)
    outcomes = batch.run(send_payment, asked)
    expected = [422 if n % 7 == 6 else 201 for n in range(MANY)]
    assert [outcome.status for outcome in outcomes if isinstance(outcome, Answer)] == expected
    assert len(sent) == (4 if connection.vendor == "mysql" else 0)
    again = batch.run(send_payment, asked)
    assert [outcome.text for outcome in again if isinstance(outcome, Answer) and outcome.replayed] == [
        outcome.text for outcome in outcomes if isinstance(outcome, Answer)
    ]
    assert balance(ben) == expected.count(201) + 1
    books_are_right(ana, ben)
