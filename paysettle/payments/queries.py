"""Questions about payments."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q, QuerySet, Sum

from paysettle.identity import queries as people
from paysettle.kernel.errors import NotFound
from paysettle.kernel.money import Money
from paysettle.payments import documents
from paysettle.payments.lifecycle import UNAPPROVED, State
from paysettle.payments.models import ApprovalDecision, Payment, PaymentApproval, PaymentBatch, PaymentBatchPart, Refund
from paysettle.payments.rules import HOLD_LIFE_MAX, Approval, Terms

A_DAY = timedelta(days=1)
"""How long the expiry of holds may be late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which payments to list; None leaves a side open. Amounts in minor units, times: from inclusive, to exclusive."""

    created_from: datetime | None = None
    created_to: datetime | None = None
    amount_least: int | None = None
    amount_most: int | None = None
    currency: str | None = None
    counterparty: str | None = None
    state: State | None = None
    reference: str | None = None


def payments_of(party_id: UUID, filters: Filters | None = None) -> "QuerySet[Payment]":
    """Return the payments that a party has made or received; what the payer's own have not approved is not received."""
    received = Q(payee_id=party_id) & ~Q(state__in=UNAPPROVED)
    found = Payment.objects.filter(Q(payer_id=party_id) | received)
    return found if filters is None else _filtered(found, filters)


def payment(*, party_id: UUID, payment_id: UUID) -> dict[str, Any]:
    """Return one payment of a party; raise NotFound if it is absent or not the party's."""
    return payment_documents([_payment(party_id, payment_id)], seen_by=party_id)[0]


def refunds(*, party_id: UUID, payment_id: UUID) -> "QuerySet[Refund]":
    """Return the refunds of a party's payment; raise NotFound if the payment is absent or not the party's."""
    return Refund.objects.filter(payment=_payment(party_id, payment_id))


def approvals(*, party_id: UUID, payment_id: UUID) -> "QuerySet[PaymentApproval]":
    """Return who decided what about a payment of the payer's; raise NotFound to everybody else, the payee too."""
    found = _payment(party_id, payment_id)
    if found.payer_id != party_id:
        raise NotFound
    return PaymentApproval.objects.filter(payment=found)


def open_parts(batch_id: UUID) -> list[PaymentBatchPart]:
    """Return the parts of a batch that are not carried out yet, in order; what their orders say is read when needed."""
    return list(_parts(batch_id).filter(is_open=True).defer("orders"))


def interrupted_batches(at: datetime, *, limit: int) -> list[PaymentBatch]:
    """Return unfinished batches that nobody works on, oldest first."""
    return list(PaymentBatch.objects.filter(finished_at=None, claimed_until__lt=at).order_by("claimed_until")[:limit])


def batches_of(party_id: UUID) -> "QuerySet[PaymentBatch]":
    """Return the batches of a party."""
    return PaymentBatch.objects.filter(party_id=party_id)


def running_batches_of(party_id: UUID) -> list[PaymentBatch]:
    """Return the batches of a party that are not finished."""
    return list(batches_of(party_id).filter(finished_at=None))


def authorised_for(party_id: UUID, *, at: datetime, most: int) -> list[UUID]:
    """Return payments that hold money for a payee, `most` of them.

    They are looked for among those that are young enough to hold anything: the others may be very many.
    """
    waiting = timedelta(hours=settings.PAYMENT_APPROVAL_HOURS)  # the life of a hold begins with the last approval
    young = Payment.objects.filter(payee_id=party_id, created_at__gt=at - waiting - HOLD_LIFE_MAX - A_DAY)
    return list(young.filter(state=State.AUTHORISED).values_list("id", flat=True)[:most])


def waiting_of(party_id: UUID, *, at: datetime, most: int) -> list[UUID]:
    """Return payments of a payer that wait for approval, `most` of them."""
    young = Payment.objects.filter(
        payer_id=party_id, created_at__gt=at - timedelta(hours=settings.PAYMENT_APPROVAL_HOURS) - A_DAY
    )
    return list(young.filter(state=State.PENDING_APPROVAL).values_list("id", flat=True)[:most])


def batch(*, party_id: UUID, batch_id: UUID) -> PaymentBatch:
    """Return one batch of a party; raise NotFound if it is absent or not the party's."""
    found = batches_of(party_id).filter(id=batch_id).first()
    if found is None:
        raise NotFound
    return found


def batch_items(batch_id: UUID, *, after: int, limit: int) -> list[dict[str, Any]]:
    """Return items of a batch after a number, in order, as the API shows them; without a status until carried out."""
    found: list[dict[str, Any]] = []
    for part in _parts(batch_id).filter(last__gt=after).iterator(chunk_size=1):
        found += [item for item in _items_of(part) if item["n"] > after]
        if len(found) >= limit:
            break
    return found[:limit]


def batch_outcomes(batch_id: UUID) -> list[str]:
    """Return the outcomes of a batch, a JSON list for each part that is carried out, in order."""
    return list(_parts(batch_id).filter(is_open=False).values_list("outcomes", flat=True))


def batch_summaries(batches: list[PaymentBatch]) -> list[dict[str, Any]]:
    """Return the documents of batches, without their items."""
    parts = PaymentBatchPart.objects.filter(batch__in=batches).values_list("batch_id")
    counts = {id_: sums for id_, *sums in parts.annotate(Sum("succeeded"), Sum("refused"))}
    return [documents.batch(found, *counts.get(found.id, (0, 0))) for found in batches]


def _parts(batch_id: UUID) -> "QuerySet[PaymentBatchPart]":
    return PaymentBatchPart.objects.filter(batch_id=batch_id).order_by("first")


def _items_of(part: PaymentBatchPart) -> list[dict[str, Any]]:
    if not part.is_open:
        done: list[dict[str, Any]] = json.loads(part.outcomes)
        return done
    orders = enumerate(json.loads(part.orders), start=part.first)
    return [
        {"n": n, "key": one["key"], "status": None, "payment": None, "state": None, "problem": None}
        for n, one in orders
    ]


def payment_documents(payments: list[Payment], *, seen_by: UUID) -> list[dict[str, Any]]:
    """Return the documents of payments as a party sees them, with the handles of both sides."""
    approved = _approved([p.id for p in payments if p.approvers_needed is not None])
    handles = people.handles(party for p in payments for party in (p.payer_id, p.payee_id))
    return [
        documents.payment(
            payment_id=p.id,
            terms=terms_of(p),
            payer=documents.party(p.payer_id, handles[p.payer_id]),
            payee=documents.party(p.payee_id, handles[p.payee_id]),
            note=p.note,
            reference=p.reference,
            metadata=json.loads(p.metadata),
            created_at=p.created_at,
            approved=approved.get(p.id, 0) if p.payer_id == seen_by else None,
        )
        for p in payments
    ]


def refund_documents(found: list[Refund]) -> list[dict[str, Any]]:
    """Return the documents of refunds."""
    payments = Payment.objects.in_bulk({refund.payment_id for refund in found})
    return [
        documents.refund(
            refund_id=r.id,
            payment_id=r.payment_id,
            amount=Money(r.amount_minor, payments[r.payment_id].currency),
            reason=r.reason,
            created_at=r.created_at,
        )
        for r in found
    ]


def approval_documents(found: list[PaymentApproval]) -> list[dict[str, Any]]:
    """Return the documents of approvals, with the names of those who decided."""
    names = people.names(approval.person_id for approval in found)
    return [documents.approval(approval, name=names[approval.person_id]) for approval in found]


def terms_of(row: Payment) -> Terms:
    """Return what a payment says and where it stands."""
    return Terms(
        row.payer_id,
        row.payee_id,
        Money(row.amount_minor, row.currency),
        row.captured_minor,
        row.refunded_minor,
        State(row.state),
        row.hold_id,
        row.expires_at,
        row.created_by_id,
        Approval.stored(row.approvers_needed, row.approval_reason, row.hold_for_s),
    )


def _approved(payment_ids: list[UUID]) -> dict[UUID, int]:
    """Return how many people have approved each of these payments."""
    if not payment_ids:
        return {}
    rows = PaymentApproval.objects.filter(payment_id__in=payment_ids, decision=ApprovalDecision.APPROVED)
    return dict(rows.values_list("payment_id").annotate(Count("id")))


def _payment(party_id: UUID, payment_id: UUID) -> Payment:
    found = payments_of(party_id).filter(id=payment_id).first()
    if found is None:
        raise NotFound
    return found


def _filtered(found: "QuerySet[Payment]", filters: Filters) -> "QuerySet[Payment]":
    conditions: dict[str, Any] = {
        "created_at__gte": filters.created_from,
        "created_at__lt": filters.created_to,
        "amount_minor__gte": filters.amount_least,
        "amount_minor__lte": filters.amount_most,
        "currency": filters.currency,
        "state": filters.state,
        "reference__same": filters.reference,
    }
    found = found.filter(**{name: value for name, value in conditions.items() if value is not None})
    if filters.counterparty is None:
        return found
    other = people.find_party(filters.counterparty)
    return found.none() if other is None else found.filter(Q(payer_id=other) | Q(payee_id=other))
