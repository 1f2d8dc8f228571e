"""Settlements: an agreement between parties about what one owes the other.

A **Settlement** has a state and a version. Its **SettlementLeg**s say who owes whom how much (one leg for now). Every
change is a **SettlementMove**, insert-only, whose version is the settlement's version after it.
"""

from django.db import models

from paysettle.identity.models import Party
from paysettle.kernel.fields import IdField, PrimaryIdField
from paysettle.kernel.insert_only import InsertOnlyModel
from paysettle.settlements.lifecycle import State, Verb


class Settlement(models.Model):
    """What the parties agree on, and where the agreement stands."""

    id = PrimaryIdField()
    asker = models.ForeignKey(Party, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    state = models.CharField(max_length=12, choices=[(s.value, s.value) for s in State])
    version = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "settlements_settlement"


class SettlementLeg(InsertOnlyModel):
    """One debtor owes one creditor one amount."""

    id = PrimaryIdField()
    settlement = models.ForeignKey(Settlement, models.PROTECT, db_constraint=False, related_name="legs")
    debtor = models.ForeignKey(Party, models.PROTECT, db_constraint=False, related_name="+")
    creditor = models.ForeignKey(Party, models.PROTECT, db_constraint=False, related_name="+")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)

    class Meta:
        db_table = "settlements_leg"
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_minor__gte=1), name="settlements_leg_amount_is_positive"),
            models.CheckConstraint(
                condition=~models.Q(debtor=models.F("creditor")), name="settlements_leg_between_two_parties"
            ),
        ]


class SettlementMove(InsertOnlyModel):
    """One step of the negotiation: who did what, when, and why."""

    pk = models.CompositePrimaryKey("settlement_id", "version")
    settlement = models.ForeignKey(
        Settlement, models.PROTECT, db_constraint=False, db_index=False, related_name="moves"
    )
    version = models.PositiveIntegerField()
    party = models.ForeignKey(Party, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    user_id = IdField()
    what = models.CharField(max_length=12, choices=[(v.value, v.value) for v in Verb])
    reason = models.CharField(max_length=280)
    at = models.DateTimeField()

    class Meta:
        db_table = "settlements_move"
