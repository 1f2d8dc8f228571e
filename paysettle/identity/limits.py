"""The limits of a batch: counters that are locked after the accounts, asked and counted in arrival order. Rule MR16.

A row exists only for a member who was given a limit; for everybody else a batch asks for a key that is not there, in
the round trip that it makes anyway. Whoever changes a limit locks the same row, so a change acts on the next payment.
"""

import json
from collections.abc import Iterable
from datetime import date, datetime
from functools import cached_property, lru_cache
from uuid import UUID

from paysettle.identity.caller import Caller
from paysettle.identity.limit_rules import (
    ApprovalPolicy,
    ApprovalRule,
    Counter,
    Demand,
    LimitExceeded,
    MoreApprovalsNeeded,
    Reason,
    limit_id,
)
from paysettle.kernel import identifiers
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import RowLocked, Transaction, parse_time

_COUNTERS = (
    "SELECT id, per_payment_minor, per_day_minor, spent_day, spent_minor, spent_since"
    " FROM identity_member_limit{by_key} WHERE id IN ({values}) ORDER BY id"
)
_EXISTING = "SELECT id FROM identity_member_limit WHERE id IN ({values})"
_POLICIES = "SELECT party_id, time_zone, rules FROM identity_approval_policy WHERE party_id IN ({values})"

_NO_POLICY = ApprovalPolicy()
_id_of = lru_cache(maxsize=100_000)(limit_id)


class Limits:
    """What the senders of one batch may send alone, and what they have sent."""

    def __init__(self, tx: Transaction, senders: Iterable[tuple[Caller, str]]) -> None:
        """Lock the counters of these callers in these currencies. Make it after the accounts are locked.

        An operator at the command line has no limits, and nobody who acts for themself: organisations set them.
        """
        several = {(id(caller), currency): (caller, currency) for caller, currency in senders}.values()
        known = {
            (c.party_id, c.user_id, currency) for c, currency in several if c.user_id is not None and not c.as_oneself
        }
        ids = {_id_of(*sender).bytes for sender in known}
        self._tx = tx
        self._counter_rows = tx.ask(_COUNTERS + tx.for_update, ids)
        # A row that was passed over must not look like no limit.
        self._existing_rows = tx.ask(_EXISTING, ids if tx.skip_locked else ())
        self._policy_rows = tx.ask(_POLICIES, {party_id.bytes for party_id, _, _ in known})
        self._before: dict[UUID, tuple[date | None, int]] = {}

    @cached_property
    def _counters(self) -> dict[UUID, Counter]:
        found = {}
        for id_, per_payment_minor, per_day_minor, day, spent_minor, since in self._counter_rows.rows:
            counter = Counter(
                identifiers.from_bytes(id_),
                per_payment_minor,
                per_day_minor,
                date.fromisoformat(day) if isinstance(day, str) else day,
                spent_minor,
                None if since is None else parse_time(since),
            )
            found[counter.id] = counter
            self._before[counter.id] = (counter.day, spent_minor)
        return found

    @cached_property
    def _policies(self) -> dict[UUID, ApprovalPolicy]:
        return {
            identifiers.from_bytes(party): ApprovalPolicy(time_zone, read_rules(rules))
            for party, time_zone, rules in self._policy_rows.rows
        }

    def require(self, caller: Caller, currency: str) -> None:
        """Raise RowLocked if the counter of this caller was passed over because somebody else holds it."""
        if caller.user_id is None or not self._tx.skip_locked:
            return
        wanted = _id_of(caller.party_id, caller.user_id, currency)
        existing = {bytes(id_) for (id_,) in self._existing_rows.rows}
        if wanted.bytes in existing and wanted not in self._counters:
            raise RowLocked

    def demand(self, caller: Caller, money: Money, now: datetime) -> Demand | None:
        """Return what it takes beside this caller to send this much; None if they may do it alone."""
        reason = self._exceeded(caller, money, now)
        approvers = 0 if caller.user_id is None else self._policy(caller).approvers(money)
        if reason is None and approvers == 0:
            return None
        return Demand(max(approvers, 1), reason or Reason.RULE)

    def check(self, caller: Caller, money: Money, now: datetime) -> None:
        """Raise LimitExceeded if this caller may not send this much alone: for what cannot wait for others."""
        reason = self._exceeded(caller, money, now)
        if reason is not None:
            raise LimitExceeded(_EXCEEDED[reason], reason=reason.value)

    def check_decision(self, caller: Caller, money: Money, now: datetime) -> None:
        """Ask the same of somebody who decides alone what another party has asked: theirs is the one approval.

        An API key is nobody's approval: where a rule wants one, a person has to decide.

        Raises LimitExceeded, MoreApprovalsNeeded.
        """
        self.check(caller, money, now)
        people = 0 if caller.key_id is not None else 1
        if caller.user_id is not None and self._policy(caller).approvers(money) > people:
            raise MoreApprovalsNeeded

    def count(self, caller: Caller, money: Money, now: datetime) -> None:
        """Count what this caller sends alone. Call it when nothing can refuse the item any more."""
        counter = self._counter(caller, money)
        if counter is not None:
            counter.add(money.amount_minor, day=self._policy(caller).day(now), now=now)

    def write(self) -> None:
        """Write the counters that have moved: one statement."""
        tx = self._tx
        tx.update(
            "identity_member_limit",
            ("spent_day", "spent_minor", "spent_since"),
            [
                (
                    counter.id.bytes,
                    None if counter.day is None else counter.day.isoformat(),
                    counter.spent_minor,
                    None if counter.since is None else tx.time(counter.since),
                    self._before[counter.id][1],
                )
                for counter in self._counters.values()
                if (counter.day, counter.spent_minor) != self._before[counter.id]
            ],
            guard=("spent_minor",),
        )

    def _exceeded(self, caller: Caller, money: Money, now: datetime) -> Reason | None:
        counter = self._counter(caller, money)
        if counter is None:
            return None
        return counter.exceeded(money.amount_minor, day=self._policy(caller).day(now))

    def _counter(self, caller: Caller, money: Money) -> Counter | None:
        if caller.user_id is None or not self._counters:
            return None
        return self._counters.get(_id_of(caller.party_id, caller.user_id, money.currency))

    def _policy(self, caller: Caller) -> ApprovalPolicy:
        return self._policies.get(caller.party_id, _NO_POLICY)


_EXCEEDED = {
    Reason.PAYMENT_LIMIT: "This is more than you may send alone in one payment.",
    Reason.DAY_LIMIT: "With what you have sent today this is more than you may send alone in one day.",
}


def read_rules(stored: str) -> tuple[ApprovalRule, ...]:
    """Return the rules of a policy as they are stored."""
    return tuple(ApprovalRule(rule["currency"], rule["from_minor"], rule["approvers"]) for rule in json.loads(stored))
