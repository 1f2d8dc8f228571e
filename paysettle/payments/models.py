"""Payments: a payer pays a payee. And treasury moves: money that enters or leaves the system."""

from django.db import models

from paysettle.identity.models import Party
from paysettle.kernel.fields import IdField, PrimaryIdField


class PaymentState(models.TextChoices):
    """Where a payment stands."""

    COMPLETED = "completed"


class Payment(models.Model):
    """A payer pays a payee; its transfers name it as their subject."""

    id = PrimaryIdField()
    payer = models.ForeignKey(Party, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    payee = models.ForeignKey(Party, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    note = models.CharField(max_length=140)
    state = models.CharField(max_length=12, choices=PaymentState.choices)
    version = models.PositiveIntegerField()
    created_by_id = IdField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "payments_payment"
        indexes = [
            models.Index(fields=["payer", "created_at", "id"], name="payments_by_payer"),
            models.Index(fields=["payee", "created_at", "id"], name="payments_by_payee"),
        ]


class TreasuryDirection(models.TextChoices):
    """Which way money crosses the border of the system."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"


class TreasuryMove(models.Model):
    """Money that an operator lets in or out, with a reason; its transfer names it as its subject."""

    id = PrimaryIdField()
    direction = models.CharField(max_length=12, choices=TreasuryDirection.choices)
    party = models.ForeignKey(Party, models.PROTECT, db_constraint=False, related_name="+")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=200)
    operator = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "payments_treasury_move"
