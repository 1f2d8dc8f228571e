"""Settlements for tests: asked and decided through the lane."""

import secrets

from paysettle.kernel import identifiers
from paysettle.kernel.idempotency import Answer, fingerprint
from paysettle.kernel.lane import lane
from paysettle.kernel.money import Money
from paysettle.settlements.lifecycle import Verb
from paysettle.settlements.operations.moves import SettlementDecision, SettlementRequest, move_settlement
from tests.people import Person


def request_order(
    by: Person, debtor: Person, amount_minor: int, currency: str = "EUR", *, key: str | None = None
) -> SettlementRequest:
    """Return an order to ask for an amount."""
    return SettlementRequest(
        party_id=by.party_id,
        key=key or secrets.token_hex(8),
        fingerprint=fingerprint("request", debtor.handle, amount_minor, currency),
        request_id=identifiers.show("req", identifiers.new()),
        by=by.caller,
        debtor=debtor.handle,
        money=Money(amount_minor, currency),
        reason="dinner",
    )


def decision_order(
    by: Person, what: Verb, settlement: str, *, version: int | None = 1, key: str | None = None
) -> SettlementDecision:
    """Return an order to approve, reject or withdraw."""
    return SettlementDecision(
        party_id=by.party_id,
        key=key or secrets.token_hex(8),
        fingerprint=fingerprint(what.value, settlement, version),
        request_id=identifiers.show("req", identifiers.new()),
        by=by.caller,
        what=what,
        settlement_id=identifiers.parse("set", settlement),
        reason="",
        expected_version=version,
    )


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
