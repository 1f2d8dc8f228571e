"""A payment as the world sees it: plain dictionaries, the same in answers, lists and stored answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from paysettle.kernel import identifiers, times
from paysettle.kernel.money import Money
from paysettle.payments.models import PaymentApproval, PaymentBatch
from paysettle.payments.rules import Terms


def payment(
    *,
    payment_id: UUID,
    terms: Terms,
    payer: dict[str, str],
    payee: dict[str, str],
    note: str,
    reference: str,
    metadata: dict[str, str],
    created_at: datetime,
    approved: int | None = None,
) -> dict[str, Any]:
    """Return the document of a payment; payer and payee are named as `party` does.

    `approved` tells the payer how many have approved what they must; the payee is not told who decides over there.
    """
    currency = terms.amount.currency
    amount = terms.amount.document()
    return {
        "id": identifiers.show("pay", payment_id),
        "payer": payer,
        "payee": payee,
        "amount": amount,
        "captured": amount
        if terms.captured_minor == terms.amount.amount_minor
        else Money(terms.captured_minor, currency).document(),
        "refunded": Money(terms.refunded_minor, currency).document(),
        "note": note,
        "reference": reference,
        "metadata": metadata,
        "state": str(terms.state),
        "approval": None if approved is None else _approval(terms, approved),
        "expires_at": None if terms.expires_at is None else times.show(terms.expires_at),
        "created_at": times.show(created_at),
    }


def _approval(terms: Terms, approved: int) -> dict[str, Any] | None:
    if terms.approval is None:
        return None
    demand = terms.approval.demand
    return {"needed": demand.approvers, "approved": approved, "reason": demand.reason.value}


def refund(*, refund_id: UUID, payment_id: UUID, amount: Money, reason: str, created_at: datetime) -> dict[str, Any]:
    """Return the document of a refund."""
    return {
        "id": identifiers.show("ref", refund_id),
        "payment": identifiers.show("pay", payment_id),
        "amount": amount.document(),
        "reason": reason,
        "created_at": times.show(created_at),
    }


def batch(found: PaymentBatch, succeeded: int, refused: int) -> dict[str, Any]:
    """Return the document of a batch without its items."""
    finished = found.finished_at
    return {
        "id": identifiers.show("bat", found.id),
        "state": "processing" if finished is None else "done",
        "total": found.total,
        "succeeded": succeeded,
        "refused": refused,
        "created_at": times.show(found.created_at),
        "finished_at": None if finished is None else times.show(finished),
    }


def approval(found: PaymentApproval, *, name: str) -> dict[str, Any]:
    """Return the document of what one person decided about a payment."""
    return {
        "payment": identifiers.show("pay", found.payment_id),
        "person": {"id": identifiers.show("usr", found.person_id), "handle": name},
        "decision": found.decision,
        "created_at": times.show(found.created_at),
    }


def party(party_id: UUID, handle: str) -> dict[str, str]:
    """Return how a party is named in documents."""
    return {"id": identifiers.show("par", party_id), "handle": handle}
