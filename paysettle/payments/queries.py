"""Questions about payments."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from paysettle.identity import queries as people
from paysettle.kernel.errors import NotFound
from paysettle.kernel.idempotency import digest_of
from paysettle.kernel.models import IdempotencyKey
from paysettle.kernel.money import Money
from paysettle.payments import documents
from paysettle.payments.models import Payment
from paysettle.payments.operations.send import SendPayment


def payments_of(party_id: UUID) -> "QuerySet[Payment]":
    """Return the payments that a party has made or received."""
    return Payment.objects.filter(Q(payer_id=party_id) | Q(payee_id=party_id))


def payment(*, party_id: UUID, payment_id: UUID) -> dict[str, Any]:
    """Return one payment of a party; raise NotFound if it is absent or not the party's."""
    found = payments_of(party_id).filter(id=payment_id).first()
    if found is None:
        raise NotFound
    return payment_documents([found])[0]


def by_key(*, party_id: UUID, key: str) -> "QuerySet[Payment]":
    """Return the payment that a party made with an idempotency key: one or none."""
    rows = IdempotencyKey.objects.filter(
        party_id=party_id, operation=SendPayment.name, digest=digest_of(key), success=True
    )
    return Payment.objects.filter(id__in=rows.values("object_id"))


def payment_documents(payments: list[Payment]) -> list[dict[str, Any]]:
    """Return the documents of payments, with the handles of their parties."""
    handles = people.handles(party for p in payments for party in (p.payer_id, p.payee_id))
    return [
        documents.payment(
            payment_id=p.id,
            payer=(p.payer_id, handles[p.payer_id]),
            payee=(p.payee_id, handles[p.payee_id]),
            money=Money(p.amount_minor, p.currency),
            note=p.note,
            state=p.state,
            created_at=p.created_at,
        )
        for p in payments
    ]
