"""The numbers of the front page. Each question is bounded, however large its table has grown.

Ids are made in order of time, so that "the newest" and "of this day" are ranges of the primary key.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db import connection

from paysettle.dashboard.models import VerifierRun
from paysettle.identity.roles import StaffPermission
from paysettle.kernel.money import Money

DAYS = 14
COUNTED_MAX = 100_000

_SETTLES_AFTER = timedelta(hours=1)  # what was booked before midnight is committed by then
_CLOCKS_DIFFER = timedelta(hours=1)  # ids have the time of our host, bookings that of the database
_KEPT_S = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows of a table are in which state; of the newest COUNTED_MAX alone when there are more.

    `needs` is what it takes to look at them.
    """

    title: str
    list_url: str
    needs: StaffPermission
    states: list[tuple[str, int]]

    @property
    def total(self) -> int:
        """All states together."""
        return sum(number for _, number in self.states)

    @property
    def more(self) -> bool:
        """Whether there may be rows that were not counted."""
        return self.total >= COUNTED_MAX


@dataclass(frozen=True, slots=True)
class Day:
    """What moved on one day: how many transfers, how much, and its share of the best day in percent."""

    day: date
    transfers: int
    moved: Money
    percent: int


@dataclass(frozen=True, slots=True)
class Flow:
    """What moved between parties in one currency, day by day, the oldest first."""

    currency: str
    transfers: int
    moved: Money
    days: list[Day]


def counts() -> list[Count]:
    """Return how many people, parties, payments and settlements there are, by state."""
    active = {"1": "active", "0": "disabled", "True": "active", "False": "disabled"}
    people = [(active[state], number) for state, number in _by_state("identity_user", "is_active")]
    return [
        Count("People", "admin:identity_user_changelist", StaffPermission.PEOPLE_READ, people),
        *(
            Count(title, f"admin:{table}_changelist", needs, _by_state(table, "state"))
            for title, table, needs in (
                ("Parties", "identity_party", StaffPermission.PEOPLE_READ),
                ("Payments", "payments_payment", StaffPermission.MONEY_READ),
                ("Settlements", "settlements_settlement", StaffPermission.MONEY_READ),
            )
        ),
    ]


def flows(now: datetime) -> list[Flow]:
    """Return what moved between parties in the last days, by currency, the busiest first.

    Money that was let in or out is not counted.
    """
    days = [now.date() - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    moved: dict[str, dict[date, tuple[int, int]]] = {}
    for day in days:
        for currency, transfers, amount_minor in _moved_on(day, now):
            moved.setdefault(currency, {})[day] = (transfers, amount_minor)
    found = [_flow(currency, days, of_day) for currency, of_day in moved.items()]
    return sorted(found, key=lambda flow: (-flow.transfers, flow.currency))


def last_verification() -> VerifierRun | None:
    """Return the newest run of the verifier that was kept."""
    return VerifierRun.objects.order_by("-id").first()


def first_id_since(moment: datetime) -> UUID:
    """Return an id that is not above those of rows made at or after a moment."""
    return UUID(int=int((moment - _CLOCKS_DIFFER).timestamp() * 1000) << 80)


def _by_state(table: str, column: str) -> list[tuple[str, int]]:
    rows = _fetch(
        f"SELECT t.{column}, COUNT(*) FROM (SELECT {column} FROM {table} ORDER BY id DESC LIMIT %s) t"  # noqa: S608
        f" GROUP BY t.{column} ORDER BY t.{column}",
        [COUNTED_MAX],
    )
    return [(str(state), number) for state, number in rows]


def _flow(currency: str, days: list[date], of_day: dict[date, tuple[int, int]]) -> Flow:
    best = max(amount_minor for _, amount_minor in of_day.values())
    listed = []
    for day in days:
        transfers, amount_minor = of_day.get(day, (0, 0))
        listed.append(Day(day, transfers, Money(amount_minor, currency), -(-amount_minor * 100 // best)))
    total = sum(amount_minor for _, amount_minor in of_day.values())
    return Flow(currency, sum(day.transfers for day in listed), Money(total, currency), listed)


def _moved_on(day: date, now: datetime) -> list[tuple[str, int, int]]:
    """Return currency, number of transfers and sum of a day. A day that is over never changes, so it is kept."""
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
    ends = begins + timedelta(days=1)
    over = now > ends + _SETTLES_AFTER
    key = f"dashboard.moved.{day.isoformat()}"
    kept = cache.get(key) if over else None
    if kept is not None:
        return [(currency, transfers, amount_minor) for currency, transfers, amount_minor in json.loads(kept)]
    rows = _fetch(
        "SELECT currency, COUNT(*), SUM(amount_minor) FROM ledger_transfer"
        " WHERE id >= %s AND id < %s AND booked_at >= %s AND booked_at < %s AND subject_kind <> 'treasury_move'"
        " GROUP BY currency",
        [
            first_id_since(begins).bytes,
            first_id_since(ends + 2 * _CLOCKS_DIFFER).bytes,
            _as_stored(begins),
            _as_stored(ends),
        ],
    )
    found = [(currency, transfers, int(amount_minor)) for currency, transfers, amount_minor in rows]
    if over:
        cache.set(key, json.dumps(found), timeout=_KEPT_S)
    return found


def _as_stored(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def _fetch(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = list(cursor.fetchall())
    return rows
