"""Settlements for tests: asked and decided through the lane."""

from paysettle.kernel import identifiers
from paysettle.kernel.idempotency import Answer
from paysettle.kernel.lane import lane
from paysettle.settlements.lifecycle import Verb
from paysettle.settlements.operations.moves import SettlementDecision, move_settlement
from tests.orders import decision, request_order
from tests.people import Person


def decision_order(
    by: Person, what: Verb, settlement: str, *, version: int | None = 1, key: str | None = None
) -> SettlementDecision:
    """Return an order to approve, reject or withdraw the settlement with this public id."""
    return decision(by, what, identifiers.parse("set", settlement), version=version, key=key)


def ask(by: Person, debtor: Person, amount_minor: int, currency: str = "EUR", *, key: str | None = None) -> Answer:
    """Ask somebody for an amount."""
    return lane.call(move_settlement, request_order(by, debtor, amount_minor, currency, key=key))


def approve(by: Person, settlement: str, *, version: int | None = 1, key: str | None = None) -> Answer:
    """Approve a settlement."""
    return lane.call(move_settlement, decision_order(by, Verb.APPROVE, settlement, version=version, key=key))


def reject(by: Person, settlement: str, *, version: int | None = 1, key: str | None = None) -> Answer:
    """Reject a settlement."""
    return lane.call(move_settlement, decision_order(by, Verb.REJECT, settlement, version=version, key=key))


def withdraw(by: Person, settlement: str, *, version: int | None = 1, key: str | None = None) -> Answer:
    """Withdraw a settlement."""
    return lane.call(move_settlement, decision_order(by, Verb.WITHDRAW, settlement, version=version, key=key))
