"""Questions about accounts: balances and statements. Nothing here locks or writes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Count, Sum

from paysettle.kernel import identifiers
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Row, parse_time
from paysettle.ledger.chart import WALLET
from paysettle.ledger.models import Account, Hold


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


def currency_of(account_id: UUID, *, owner_id: UUID) -> str | None:
    """Return the currency of a wallet of this owner; None if it is not one."""
    wallet = Account.objects.filter(id=account_id, owner_id=owner_id, kind=WALLET.code)
    return wallet.values_list("currency", flat=True).first()


def owner_of(account_id: UUID) -> UUID | None:
    """Return whose an account is, None if there is no such account."""
    return Account.objects.filter(id=account_id).values_list("owner_id", flat=True).first()


@dataclass(frozen=True, slots=True)
class Mark:
    """How far an account had come at a moment: its last line and the balance after it, in minor units."""

    sequence: int
    balance_minor: int


def mark_before(account_id: UUID, moment: datetime) -> Mark:
    """Return how far an account had come just before a moment: one step down an index, however long its history."""
    return _last(account_id, "booked_at < %s", [moment])


def mark_now(account_id: UUID) -> Mark:
    """Return how far an account has come."""
    return _last(account_id, "1 = 1", [])


def balance_at(account_id: UUID, moment: datetime) -> int:
    """Return what an account had booked at a past instant, that instant included, in minor units."""
    return _last(account_id, "booked_at <= %s", [moment]).balance_minor


def statement(account_id: UUID, currency: str, *, above: int, upto: int, limit: int) -> list[Line]:
    """Return the newest lines with a sequence above one and up to another: by key, without counting or skipping."""
    with connection.cursor() as cursor:
        cursor.execute(
            # By the key: MySQL would rather go by the index of times, read the whole history and sort it.
            "SELECT /*+ INDEX(e PRIMARY) */ e.sequence, e.booked_at, e.amount_minor, e.balance_after_minor,"
            " e.transfer_id, e.subject_kind, e.subject_id, e.other_owner_id FROM ledger_entry e"
            " WHERE e.account_id = %s AND e.sequence > %s AND e.sequence <= %s ORDER BY e.sequence DESC LIMIT %s",
            [account_id.bytes, above, upto, limit],
        )
        rows = cursor.fetchall()
    return [_line(row, currency) for row in rows]


def due_holds(at: datetime, *, limit: int) -> list[UUID]:
    """Return what holds are for that are open and have passed their deadline, oldest first."""
    due = Hold.objects.filter(is_open=True, expires_at__lte=at).order_by("expires_at")
    return list(due.values_list("subject_id", flat=True)[:limit])


def trial_balance() -> list[tuple[str, str, int, int]]:
    """Return kind, currency, number of accounts and total in minor units; the totals of a currency come to zero."""
    rows = (
        Account.objects.values_list("kind", "currency")
        .annotate(number=Count("id"), total=Sum("balance_minor"))
        .order_by("currency", "kind")
    )
    return [(kind, currency, number, int(total)) for kind, currency, number, total in rows]


def _last(account_id: UUID, condition: str, values: list[datetime]) -> Mark:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sequence, balance_after_minor FROM ledger_entry"  # noqa: S608 - fixed conditions
            f" WHERE account_id = %s AND {condition} ORDER BY booked_at DESC, sequence DESC LIMIT 1",
            [account_id.bytes, *(connection.ops.adapt_datetimefield_value(value) for value in values)],
        )
        row = cursor.fetchone()
    return Mark(*row) if row else Mark(0, 0)


def _line(row: Row, currency: str) -> Line:
    sequence, booked_at, amount_minor, after_minor, transfer, subject_kind, subject, other = row
    transfer_id, subject_id, other_owner_id = (identifiers.from_bytes(value) for value in (transfer, subject, other))
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
