"""What staff did."""

from django.db import models

from paysettle.kernel.fields import IdField, PrimaryIdField
from paysettle.kernel.insert_only import InsertOnlyModel


class AdminVerb(models.TextChoices):
    """What staff did to a person, a party or an account."""

    DISABLED = "disabled"
    ENABLED = "enabled"
    FROZEN = "frozen"
    REOPENED = "reopened"
    CLOSED = "closed"
    APPOINTED = "appointed"
    DISMISSED = "dismissed"
    SIGNED_OUT = "signed_out"


class AdminAction(InsertOnlyModel):
    """What staff did to a person or a party, and the reason they gave: kept here and never in an event."""

    id = PrimaryIdField()
    actor = models.CharField(max_length=64)
    subject_id = IdField(db_index=True)
    subject_kind = models.CharField(max_length=10, choices=[("user", "user"), ("party", "party")])
    verb = models.CharField(max_length=10, choices=AdminVerb.choices)
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "identity_admin_action"

    def __str__(self) -> str:
        return f"{self.verb} by {self.actor}"
