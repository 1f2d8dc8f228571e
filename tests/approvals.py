"""Limits, and payments that wait for approval, for tests."""

from datetime import UTC, datetime, timedelta

from django.db import connection

from paysettle.identity.limit_rules import ApprovalRule
from paysettle.identity.operations import limits
from paysettle.identity.queries import approval_policy
from paysettle.kernel import identifiers
from paysettle.kernel.idempotency import Answer
from paysettle.kernel.lane import lane
from paysettle.payments.lifecycle import Verb
from paysettle.payments.operations.moves import move_payment
from tests.companies import Company
from tests.moves import move_order
from tests.people import Person


def limit(
    firm: Company,
    somebody: Person,
    *,
    per_payment: int | None = None,
    per_day: int | None = None,
    currency: str = "EUR",
) -> None:
    """Let the owner limit a member."""
    limits.set_limit(
        by=firm.acted_for_by(firm.owner).caller,
        member_id=firm.member(somebody).id,
        currency=currency,
        per_payment_minor=per_payment,
        per_day_minor=per_day,
    )


def policy(firm: Company, *rules: tuple[int, int], time_zone: str = "UTC") -> None:
    """Let the owner set a policy in EUR: from which amount on how many approve."""
    owner = firm.acted_for_by(firm.owner).caller
    limits.set_policy(
        by=owner,
        time_zone=time_zone,
        rules=[ApprovalRule("EUR", *rule) for rule in rules],
        expected_version=approval_policy(owner).version,
    )


def noon() -> str:
    """Return a time zone in which it is about noon: a day does not end while the test runs."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"  # Etc/GMT-3 is three hours ahead


def approve(by: Person, payment: str, *, key: str | None = None) -> Answer:
    """Approve a payment that waits."""
    return lane.call(move_payment, move_order(by, Verb.APPROVE, payment, key=key))


def reject(by: Person, payment: str, *, key: str | None = None) -> Answer:
    """Reject a payment that waits."""
    return lane.call(move_payment, move_order(by, Verb.REJECT, payment, key=key))


def withdraw(by: Person, payment: str, *, key: str | None = None) -> Answer:
    """Take back a payment that waits."""
    return lane.call(move_payment, move_order(by, Verb.WITHDRAW, payment, key=key))


def let_it_be_late(payment: str) -> None:
    """Let the deadline of a payment be over: it moves, so that the clock need not."""
    moment_ago = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with connection.cursor() as cursor:
        for table, column in (("payments_payment", "id"), ("ledger_hold", "subject_id")):
            sql = f"UPDATE {table} SET expires_at = %s WHERE {column} = %s"  # noqa: S608
            cursor.execute(sql, [moment_ago, identifiers.parse("pay", payment).bytes])
