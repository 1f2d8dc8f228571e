"""What somebody may send alone for an organisation, and what others must approve. Plain Python.

A **limit** is a member's, for one currency: the most in one payment and the most in one day. A **rule** is the
organisation's: from this amount on, so many others approve. The day is that of the organisation's time zone.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from paysettle.kernel.errors import DomainError
from paysettle.kernel.money import Money

APPROVERS_MAX = 10
RULES_MAX = 50


class LimitExceeded(DomainError):
    """The amount is above what this member may send alone, at once or in one day.

    Not stored under the key: another member, another day, or another limit may allow the same request.
    """

    code = "limit_exceeded"
    status = 422
    title = "This is more than you may send alone."


class MoreApprovalsNeeded(DomainError):
    """The organisation wants more people to approve this amount than one decision has."""

    code = "more_approvals_needed"
    status = 422
    title = "Your organisation wants more people to approve this amount than have decided: pay it with a payment."


class Reason(StrEnum):
    """Why others must approve."""

    PAYMENT_LIMIT = "payment_limit"
    DAY_LIMIT = "day_limit"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Demand:
    """How many distinct others must approve, and why."""

    approvers: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """From this amount on, in minor units, so many approve."""

    currency: str
    from_minor: int
    approvers: int


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """What an organisation has decided for all its members."""

    time_zone: str = "UTC"
    rules: tuple[ApprovalRule, ...] = ()

    def approvers(self, money: Money) -> int:
        """Return how many must approve an amount: the most that a rule it reaches demands, 0 without one."""
        reached = [
            rule.approvers
            for rule in self.rules
            if rule.currency == money.currency and rule.from_minor <= money.amount_minor
        ]
        return max(reached, default=0)

    def day(self, now: datetime) -> date:
        """Return the day of a moment in the organisation's time zone."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()


@dataclass(slots=True)
class Counter:
    """A member's limit in one currency, and what they have sent alone on `day`; amounts in minor units.

    None as a limit is no limit. `since` is when the first of that day was counted.
    """

    id: UUID
    per_payment_minor: int | None
    per_day_minor: int | None
    day: date | None
    spent_minor: int
    since: datetime | None

    def exceeded(self, amount_minor: int, *, day: date) -> Reason | None:
        """Return the limit that this much more on this day would exceed."""
        if self.per_payment_minor is not None and amount_minor > self.per_payment_minor:
            return Reason.PAYMENT_LIMIT
        if self.per_day_minor is not None and self._spent_on(day) + amount_minor > self.per_day_minor:
            return Reason.DAY_LIMIT
        return None

    def add(self, amount_minor: int, *, day: date, now: datetime) -> None:
        """Count an amount; the first of a new day begins at nothing."""
        spent_minor = self._spent_on(day)
        if self.day is None or day > self.day:
            self.day, self.since = day, now
        self.spent_minor = spent_minor + amount_minor

    def _spent_on(self, day: date) -> int:
        """Days never go back, though the clock or the zone may: what was counted stays so until its day is over."""
        return 0 if self.day is None or day > self.day else self.spent_minor


def limit_id(party_id: UUID, user_id: UUID, currency: str) -> UUID:
    """Return the id of a member's limit: a batch locks it by primary key without looking it up."""
    return uuid5(party_id, f"{user_id}/{currency}")
