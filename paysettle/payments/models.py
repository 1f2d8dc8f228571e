"""Payments: a payer pays a payee, at once or authorised first. Refunds of them. And treasury moves."""

from django.db import models
from django.db.models import F, Q

from paysettle.identity.limit_rules import Reason
from paysettle.identity.models import Party
from paysettle.kernel import identifiers
from paysettle.kernel.fields import IdField, NullableIdField, PrimaryIdField
from paysettle.kernel.insert_only import InsertOnlyModel
from paysettle.payments.lifecycle import State
from paysettle.payments.rules import NOTE_LENGTH_MAX, REFERENCE_LENGTH_MAX


class Payment(models.Model):
    """A payer pays a payee; its transfers name it as their subject. Amounts in minor units."""

    id = PrimaryIdField()
    payer = models.ForeignKey(Party, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    payee = models.ForeignKey(Party, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    captured_minor = models.BigIntegerField()
    refunded_minor = models.BigIntegerField(default=0)
    note = models.CharField(max_length=NOTE_LENGTH_MAX)
    reference = models.CharField(max_length=REFERENCE_LENGTH_MAX)
    metadata = models.TextField()
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in State])
    hold_id = NullableIdField()
    expires_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField()
    created_by_id = IdField()
    created_at = models.DateTimeField()
    # Of a payment that others must approve: how many, why, and for how long it is held for the payee afterwards.
    approvers_needed = models.PositiveSmallIntegerField(null=True)
    approval_reason = models.CharField(  # noqa: DJ001 - most have none, and NULL costs their insert least
        max_length=16,
        null=True,
        choices=[(r.value, r.value) for r in Reason],
    )
    hold_for_s = models.PositiveIntegerField(null=True)

    class Meta:
        db_table = "payments_payment"
        indexes = [
            models.Index(fields=["payer", "created_at", "id"], name="payments_by_payer"),
            models.Index(fields=["payee", "created_at", "id"], name="payments_by_payee"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(captured_minor__gte=0, captured_minor__lte=F("amount_minor")),
                name="payments_captured_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("captured_minor")),
                name="payments_refunded_within_captured",
            ),
        ]


class ApprovalDecision(models.TextChoices):
    """What an approver said."""

    APPROVED = "approved"
    REJECTED = "rejected"


class PaymentApproval(InsertOnlyModel):
    """What one person decided about a payment that another has made. Rule MR15."""

    id = PrimaryIdField()
    payment = models.ForeignKey(Payment, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    person_id = IdField()
    made_by_id = IdField()
    decision = models.CharField(max_length=10, choices=ApprovalDecision.choices)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "payments_approval"
        constraints = [
            models.UniqueConstraint(fields=["payment", "person_id", "decision"], name="payments_approval_once_each"),
            models.CheckConstraint(condition=~Q(person_id=F("made_by_id")), name="payments_approval_by_another"),
        ]


class Refund(InsertOnlyModel):
    """Money that a payee gives back of a payment; its transfer names it as its subject."""

    id = PrimaryIdField()
    payment = models.ForeignKey(Payment, models.PROTECT, db_constraint=False, related_name="+")
    amount_minor = models.BigIntegerField()
    reason = models.CharField(max_length=NOTE_LENGTH_MAX)
    created_by_id = IdField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "payments_refund"


class PaymentBatch(models.Model):
    """Payment orders that were sent together, by a person or with an API key; each succeeds or fails by itself."""

    id = PrimaryIdField()
    party = models.ForeignKey(Party, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    user_id = IdField()
    key_id = NullableIdField()
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField()
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "payments_batch"
        verbose_name_plural = "payment batches"
        indexes = [
            models.Index(fields=["party", "created_at", "id"], name="payments_batch_by_party"),
            models.Index(fields=["finished_at", "claimed_until"], name="payments_batch_unfinished"),
        ]


class PaymentBatchPart(models.Model):
    """Orders of a batch that share a transaction, as they were sent, and what became of them; both as JSON lists.

    `first` and `last` are the numbers of its items in the batch. `outcomes` has the items as the API shows them.
    """

    id = PrimaryIdField()
    batch = models.ForeignKey(PaymentBatch, models.PROTECT, db_constraint=False, db_index=False, related_name="parts")
    first = models.PositiveIntegerField()
    last = models.PositiveIntegerField()
    orders = models.TextField()
    is_open = models.BooleanField()
    succeeded = models.PositiveIntegerField()
    refused = models.PositiveIntegerField()
    outcomes = models.TextField()

    class Meta:
        db_table = "payments_batch_part"
        constraints = [models.UniqueConstraint(fields=["batch", "first"], name="payments_batch_part_once")]

    def __str__(self) -> str:
        return f"{self.first} to {self.last} of {identifiers.show('bat', self.batch_id)}"


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
