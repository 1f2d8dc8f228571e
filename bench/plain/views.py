"""A payment in one `atomic` block, row by row through the ORM."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.events.models import Event, EventHead
from paysettle.identity.models import Party
from paysettle.identity.tokens import AccessToken
from paysettle.kernel import identifiers
from paysettle.kernel.models import IdempotencyKey
from paysettle.kernel.money import Money
from paysettle.ledger.models import Account, Entry, Transfer
from paysettle.payments.models import Payment


def healthy(_request: HttpRequest) -> HttpResponse:
    """Say that we are here."""
    return HttpResponse("ok")


class MoneySerializer(serializers.Serializer[Any]):
    """An amount."""

    amount = serializers.IntegerField(min_value=1, max_value=10**15)
    currency = serializers.CharField(min_length=3, max_length=3)


class OrderSerializer(serializers.Serializer[Any]):
    """What is sent."""

    payee = serializers.CharField(max_length=40)
    amount = MoneySerializer()
    reference = serializers.CharField(max_length=64, allow_blank=True, default="")


class Payments(APIView):
    """The one view."""

    def post(self, request: Request) -> Response:
        """Pay."""
        key = request.headers["Idempotency-Key"]
        order = OrderSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        claims: AccessToken = request.auth  # type: ignore[assignment]  # DRF's stubs know its own tokens alone
        with transaction.atomic():
            return _pay(claims, key, order.validated_data)


def _pay(claims: AccessToken, key: str, order: dict[str, Any]) -> Response:
    digest = hashlib.sha256(key.encode()).digest()
    fingerprint = hashlib.sha256(json.dumps(order, sort_keys=True).encode()).digest()
    money = Money(order["amount"]["amount"], order["amount"]["currency"])
    payee = Party.objects.get(handle=order["payee"])
    locked = Account.objects.select_for_update().filter(
        owner_id__in=[claims.party_id, payee.id], kind="wallet", currency=money.currency
    )
    accounts = {account.owner_id: account for account in locked}
    known = IdempotencyKey.objects.filter(digest=digest, party_id=claims.party_id, operation="payment.send").first()
    if known is not None:
        return Response(json.loads(known.answer or "{}"), status=known.status)
    debit, credit = accounts[claims.party_id], accounts[payee.id]
    if debit.balance_minor < money.amount_minor:
        raise ValidationError("There is not enough money.")
    at = datetime.now(UTC)
    event_id, request_id = identifiers.new(), identifiers.show("req", identifiers.new())
    payment = Payment.objects.create(
        payer_id=claims.party_id,
        payee=payee,
        amount_minor=money.amount_minor,
        currency=money.currency,
        captured_minor=money.amount_minor,
        note="",
        reference=order["reference"],
        metadata="{}",
        state="completed",
        version=1,
        created_by_id=claims.user_id,
        created_at=at,
    )
    transfer = Transfer.objects.create(
        group_id=identifiers.new(),
        debit_account=debit,
        credit_account=credit,
        amount_minor=money.amount_minor,
        currency=money.currency,
        subject_kind="payment",
        subject_id=payment.id,
        event_id=event_id,
        booked_at=at,
        effective_at=at,
    )
    Entry.objects.bulk_create(
        [
            _enter(credit, debit, transfer, money.amount_minor, at),
            _enter(debit, credit, transfer, -money.amount_minor, at),
        ]
    )
    for account in (debit, credit):
        account.save(update_fields=["balance_minor", "sequence", "last_booked_at"])
    document = _document(payment, claims, payee, money)
    IdempotencyKey.objects.create(
        party_id=claims.party_id,
        operation="payment.send",
        digest=digest,
        fingerprint=fingerprint,
        success=True,
        status=201,
        object_id=payment.id,
        answer=json.dumps(document),
        request_id=request_id,
        created_at=at,
    )
    EventHead.objects.filter(id=1).update(position=F("position") + 1)
    Event.objects.create(
        position=EventHead.objects.get(id=1).position,
        event_id=event_id,
        stream=document["id"],
        stream_version=1,
        type="paysettle.payment.completed.v1",
        actor=identifiers.show("usr", claims.user_id),
        party=identifiers.show("par", claims.party_id),
        data=json.dumps({"payment": document, "transfer": identifiers.show("tra", transfer.id)}),
        request_id=request_id,
        recorded_at=at,
    )
    return Response(document, status=201)


def _enter(account: Account, other: Account, transfer: Transfer, amount_minor: int, at: datetime) -> Entry:
    account.balance_minor += amount_minor
    account.sequence += 1
    account.last_booked_at = at
    return Entry(
        account=account,
        sequence=account.sequence,
        transfer=transfer,
        amount_minor=amount_minor,
        balance_after_minor=account.balance_minor,
        subject_kind=transfer.subject_kind,
        subject_id=transfer.subject_id,
        other_owner_id=other.owner_id,
        booked_at=at,
    )


def _document(payment: Payment, claims: AccessToken, payee: Party, money: Money) -> dict[str, Any]:
    return {
        "id": identifiers.show("pay", payment.id),
        "payer": {"id": identifiers.show("par", claims.party_id)},
        "payee": {"id": identifiers.show("par", payee.id), "handle": payee.handle},
        "amount": money.document(),
        "reference": payment.reference,
        "state": "completed",
        "created_at": payment.created_at.isoformat(),
    }
