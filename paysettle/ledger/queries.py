"""Questions about accounts: balances and statements. Nothing here locks or writes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Row, parse_time
from paysettle.ledger.chart import WALLET
from paysettle.ledger.models import Account


@dataclass(frozen=True, slots=True)
class Balance:
    """An account now: what is booked, what of it is held, what is left to spend."""

    account_id: UUID
    booked: Money
    held: Money
    available: Money
    state: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a statement: a signed amount, the balance after it, what it was for and the other side."""

    sequence: int
    booked_at: datetime
    amount: Money
    balance_after: Money
    transfer_id: UUID
    subject_kind: str
    subject_id: UUID
    other_owner_id: UUID


def wallets(owner_id: UUID) -> list[Balance]:
    """Return the wallets of an owner, by currency."""
    rows = Account.objects.filter(owner_id=owner_id, kind=WALLET.code).order_by("currency")
    return [
        Balance(
            row.id,
            Money(row.balance_minor, row.currency),
            Money(row.held_minor, row.currency),
            Money(row.balance_minor - row.held_minor, row.currency),
            row.state,
        )
        for row in rows
    ]


def owns(owner_id: UUID, account_id: UUID) -> bool:
    """Tell whether an account is a wallet of this owner."""
    return Account.objects.filter(id=account_id, owner_id=owner_id, kind=WALLET.code).exists()


def statement(account_id: UUID, *, before: int | None, limit: int) -> list[Line]:
    """Return the newest lines of an account, or those before a sequence: by key, without counting or skipping."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.sequence, e.booked_at, e.amount_minor, e.balance_after_minor, t.currency, t.id, t.subject_kind,"
            " t.subject_id, o.owner_id"
            " FROM ledger_entry e JOIN ledger_transfer t ON t.id = e.transfer_id"
            " JOIN ledger_account o ON o.id = CASE WHEN e.amount_minor > 0 THEN t.debit_account_id"
            " ELSE t.credit_account_id END"
            " WHERE e.account_id = %s AND e.sequence < %s ORDER BY e.sequence DESC LIMIT %s",
            [account_id.bytes, before if before is not None else 2**63 - 1, limit],
        )
        rows = cursor.fetchall()
    return [_line(row) for row in rows]


def _line(row: Row) -> Line:
    sequence, booked_at, amount_minor, after_minor, currency, transfer, subject_kind, subject, other = row
    transfer_id, subject_id, other_owner_id = (UUID(bytes=bytes(value)) for value in (transfer, subject, other))
    return Line(
        sequence,
        parse_time(booked_at),
        Money(amount_minor, currency),
        Money(after_minor, currency),
        transfer_id,
        subject_kind,
        subject_id,
        other_owner_id,
    )
