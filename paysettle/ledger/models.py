"""The ledger's tables.

An **Account** has one owner (an opaque reference, a constant for the system's own), one kind of the chart and one
currency. A **Transfer** is one immutable movement: it names one account to debit, another to credit and one positive
amount, so that unbalanced books cannot be written down. A **Hold** reserves money on an account until it is captured,
released or expired. An **Entry** is an account's own line of a transfer: a sequence
without gaps, a signed amount, the balance after and the other side. For every account: balance = credits - debits.

Foreign keys between these tables exist only in the models (`db_constraint=False`): InnoDB would lock the parent rows
of every insert. `ledger verify` looks for orphans instead.
"""

from django.db import models
from django.db.models import F, Q

from paysettle.kernel.fields import IdField, PrimaryIdField
from paysettle.kernel.insert_only import InsertOnlyModel
from paysettle.kernel.money import AMOUNT_MINOR_MAX, BALANCE_MINOR_LIMIT
from paysettle.ledger.chart import AccountState

_STATES = [(state.value, state.value) for state in AccountState]


class Account(models.Model):
    """A ledger account and its balance; changed by `ledger/posting.py` alone, its state by `ledger/states.py`.

    `version` counts the changes of state: balances have their own order, by `sequence`.
    """

    id = PrimaryIdField()
    owner_id = IdField()
    kind = models.CharField(max_length=20)
    currency = models.CharField(max_length=3)
    balance_minor = models.BigIntegerField(default=0)
    held_minor = models.BigIntegerField(default=0)
    sequence = models.BigIntegerField(default=0)
    floor_minor = models.BigIntegerField(null=True)
    state = models.CharField(max_length=10, choices=_STATES, default=AccountState.OPEN.value)
    version = models.PositiveIntegerField(default=0)
    last_booked_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_account"
        constraints = [
            # By `fields`: given as expressions, MariaDB would silently go without.
            models.UniqueConstraint(fields=["owner_id", "kind", "currency"], name="ledger_account_one_of_a_kind"),
            models.CheckConstraint(
                condition=Q(floor_minor__isnull=True) | Q(balance_minor__gte=F("floor_minor") + F("held_minor")),
                name="ledger_account_stays_above_floor",
            ),
            models.CheckConstraint(condition=Q(held_minor__gte=0), name="ledger_account_held_not_negative"),
            models.CheckConstraint(
                condition=Q(balance_minor__gt=-BALANCE_MINOR_LIMIT, balance_minor__lt=BALANCE_MINOR_LIMIT),
                name="ledger_account_balance_is_exact",
            ),
        ]


class Transfer(InsertOnlyModel):
    """One immutable movement between two accounts. Rule MR2."""

    id = PrimaryIdField()
    group_id = IdField()
    debit_account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, related_name="+")
    credit_account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, related_name="+")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    subject_kind = models.CharField(max_length=20)
    subject_id = IdField()
    event_id = IdField()
    booked_at = models.DateTimeField()
    effective_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_transfer"
        indexes = [models.Index(fields=["subject_id"], name="ledger_transfer_by_subject")]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gte=1, amount_minor__lte=AMOUNT_MINOR_MAX),
                name="ledger_transfer_amount_is_positive",
            ),
            models.CheckConstraint(
                condition=~Q(debit_account=F("credit_account")), name="ledger_transfer_between_two_accounts"
            ),
        ]


class Hold(models.Model):
    """Money reserved on an account, not yet spent: captured, released or expired, in parts. Rule MR13."""

    id = PrimaryIdField()
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, related_name="+")
    amount_minor = models.BigIntegerField()
    captured_minor = models.BigIntegerField(default=0)
    released_minor = models.BigIntegerField(default=0)
    is_open = models.BooleanField(default=True)
    moves = models.PositiveIntegerField(default=0)
    subject_kind = models.CharField(max_length=20)
    subject_id = IdField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_hold"
        indexes = [models.Index(fields=["is_open", "expires_at"], name="ledger_hold_by_expiry")]
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gte=1), name="ledger_hold_amount_is_positive"),
            models.CheckConstraint(
                condition=Q(captured_minor__gte=0, released_minor__gte=0), name="ledger_hold_parts_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(amount_minor__gte=F("captured_minor") + F("released_minor")),
                name="ledger_hold_parts_within_amount",
            ),
        ]


class HoldMoveKind(models.TextChoices):
    """What happened to money on hold."""

    PLACED = "placed"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"
    EXTENDED = "extended"


class HoldMove(InsertOnlyModel):
    """One step in the life of a hold; an account's `held_minor` is the sum of its holds' steps."""

    pk = models.CompositePrimaryKey("hold_id", "n")
    hold = models.ForeignKey(Hold, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    n = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=HoldMoveKind.choices)
    amount_minor = models.BigIntegerField()
    event_id = IdField()
    at = models.DateTimeField()

    class Meta:
        db_table = "ledger_hold_move"


class Entry(InsertOnlyModel):
    """An account's own line of a transfer, clustered by account and sequence, so that a statement reads lines alone.

    What the transfer was for and whose the other account is are repeated from there: they never change.
    """

    pk = models.CompositePrimaryKey("account_id", "sequence")
    account = models.ForeignKey(Account, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    sequence = models.BigIntegerField()
    transfer = models.ForeignKey(Transfer, models.DO_NOTHING, db_constraint=False, related_name="+")
    amount_minor = models.BigIntegerField()
    balance_after_minor = models.BigIntegerField()
    subject_kind = models.CharField(max_length=20)
    subject_id = IdField()
    other_owner_id = IdField()
    booked_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_entry"
        indexes = [models.Index(fields=["account", "booked_at", "sequence"], name="ledger_entry_by_time")]
