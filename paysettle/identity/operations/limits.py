"""What members may send alone, and what an organisation wants approved: set by who leads it.

A change locks the organisation's row, as all changes of members do, and the row of the limit, which batches of payments
lock too: it acts on the next payment. Payments that wait keep the number of approvers they were made with.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from paysettle.identity import queries, standing
from paysettle.identity.caller import Caller
from paysettle.identity.limit_rules import ApprovalRule, limit_id
from paysettle.identity.models import ApprovalPolicy, MemberLimit
from paysettle.identity.operations import members, recording
from paysettle.identity.roles import Permission, Role
from paysettle.kernel import compact_json, identifiers, transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Transaction

OF_THE_MACHINE = {"localtime", "Factory"}
"""Names in the list of zones that are none: what they mean depends on the machine."""


@cache
def _time_zones() -> frozenset[str]:
    """Return the names of all zones; the list is read from hundreds of files."""
    return frozenset(available_timezones() - OF_THE_MACHINE)


class PolicyChanged(DomainError):
    """Somebody has changed the policy since the caller looked at it."""

    code = "policy_changed"
    status = 412
    title = "The policy has changed since you looked at it: look again, then change it."


class UnknownTimeZone(DomainError):
    """There is no such time zone."""

    code = "unknown_time_zone"
    status = 422
    title = "A time zone is named like Europe/Lisbon (IANA)."


class RuleTwice(DomainError):
    """Two rules are about the same amount."""

    code = "rule_twice"
    status = 422
    title = "Two rules begin at the same amount of the same currency."


def set_limit(
    *, by: Caller, member_id: UUID, currency: str, per_payment_minor: int | None, per_day_minor: int | None
) -> MemberLimit:
    """Set what a member may send alone in a currency, in minor units, and return the limit; None is no limit.

    Raises NotFound, NotPermitted: one's own limit, and that of an owner, is changed by owners alone.
    """

    def work(tx: Transaction) -> MemberLimit:
        members.enter(by, Permission.LIMITS_MANAGE)
        member = queries.member(by, member_id)
        if member.user_id == by.user_id or member.role == Role.OWNER:
            standing.check(by, Permission.OWNERS_MANAGE)
        id_ = limit_id(member.party_id, member.user_id, currency)
        limit = MemberLimit.objects.select_for_update().filter(id=id_).first()
        if limit is None:
            limit = MemberLimit(id=id_, party=member.party, user=member.user, currency=currency, version=0)
        elif (limit.per_payment_minor, limit.per_day_minor) == (per_payment_minor, per_day_minor):
            return limit
        limit.per_payment_minor, limit.per_day_minor = per_payment_minor, per_day_minor
        limit.version += 1
        limit.save()
        _record_limit(tx, limit, by=by)
        return limit

    return transactions.run(work)


def set_policy(*, by: Caller, time_zone: str, rules: Iterable[ApprovalRule], expected_version: int) -> ApprovalPolicy:
    """Replace the policy of the acting party, as it stood at `expected_version`, and return it.

    Raises NotFound for what is no organisation, UnknownTimeZone, RuleTwice, PolicyChanged, and
    NotPermitted where somebody else than an owner moves the beginning of the day.
    """
    ordered = sorted(rules, key=lambda rule: (rule.currency, rule.from_minor))
    if time_zone not in _time_zones():
        raise UnknownTimeZone(f"There is no time zone {time_zone}. {UnknownTimeZone.title}")
    if len({(rule.currency, rule.from_minor) for rule in ordered}) < len(ordered):
        raise RuleTwice
    said = [{"currency": r.currency, "from_minor": r.from_minor, "approvers": r.approvers} for r in ordered]

    def work(tx: Transaction) -> ApprovalPolicy:
        members.enter(by, Permission.LIMITS_MANAGE)
        policy = queries.approval_policy(by)
        if policy.version != expected_version:
            raise PolicyChanged(f"It is at version {policy.version}, you looked at version {expected_version}.")
        if policy.time_zone != time_zone:  # a new day may begin sooner: limits begin anew with it
            standing.check(by, Permission.OWNERS_MANAGE)
        policy.time_zone, policy.rules = time_zone, compact_json.dumps(said)
        policy.version += 1
        policy.save()
        _record_policy(tx, policy, ordered, by=by)
        return policy

    return transactions.run(work)


def _record_limit(tx: Transaction, limit: MemberLimit, *, by: Caller) -> None:
    data: dict[str, Any] = {
        "organisation": identifiers.show("par", limit.party_id),
        "user": identifiers.show("usr", limit.user_id),
        "currency": limit.currency,
    }
    for name, amount_minor in (("per_payment", limit.per_payment_minor), ("per_day", limit.per_day_minor)):
        if amount_minor is not None:
            data[name] = Money(amount_minor, limit.currency).document()
    recording.event(
        stream=identifiers.show("lim", limit.id),
        version=limit.version,
        type_="member_limit.set",
        actor=by.actor,
        party=by.party,
        at=tx.read_clock(),
        data=data,
    )


def _record_policy(tx: Transaction, policy: ApprovalPolicy, rules: Iterable[ApprovalRule], *, by: Caller) -> None:
    recording.event(
        stream=identifiers.show("pol", policy.party_id),
        version=policy.version - 1,  # version 1 is what every organisation begins with
        type_="approval_policy.set",
        actor=by.actor,
        party=by.party,
        at=tx.read_clock(),
        data={
            "organisation": identifiers.show("par", policy.party_id),
            "time_zone": policy.time_zone,
            "rules": [
                {"from": Money(rule.from_minor, rule.currency).document(), "approvers": rule.approvers}
                for rule in rules
            ],
        },
    )
