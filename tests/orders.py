"""Orders for settlements, as the API would make them: for tests that speak to the operations themselves."""

import secrets
from uuid import UUID

from paysettle.kernel import identifiers
from paysettle.kernel.idempotency import fingerprint
from paysettle.kernel.money import Money
from paysettle.settlements.lifecycle import Verb
from paysettle.settlements.operations.moves import SettlementDecision, SettlementRequest
from tests.people import Person


def request_order(
    by: Person, debtor: Person, amount_minor: int, currency: str = "EUR", *, key: str | None = None
) -> SettlementRequest:
    """Return an order to ask somebody to settle."""
    return SettlementRequest(
        party_id=by.party_id,
        key=key or secrets.token_hex(8),
        fingerprint=fingerprint("request", debtor.handle, amount_minor, currency),
        request_id=_request_id(),
        by=by.caller,
        debtor=debtor.handle,
        money=Money(amount_minor, currency),
        reason="dinner",
    )


def decision(
    by: Person, what: Verb, settlement_id: UUID, *, version: int | None = 1, key: str | None = None
) -> SettlementDecision:
    """Return an order to approve, reject or withdraw a settlement."""
    return SettlementDecision(
        party_id=by.party_id,
        key=key or secrets.token_hex(8),
        fingerprint=fingerprint(what.value, str(settlement_id), version),
        request_id=_request_id(),
        by=by.caller,
        what=what,
        settlement_id=settlement_id,
        reason="",
        expected_version=version,
    )


def _request_id() -> str:
    return identifiers.show("req", identifiers.new())
