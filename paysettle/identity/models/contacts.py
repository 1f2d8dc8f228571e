"""Whom a party knows, and who has looked for whom."""

from django.db import models

from paysettle.identity.models.parties import Party, User
from paysettle.kernel import identifiers
from paysettle.kernel.fields import DigestField, PrimaryIdField


class Contact(models.Model):
    """A party that another one keeps in its list, under a name of its own choosing, or keeps away (`is_blocked`).

    The name tells something of both: read and written by `personal.py` alone.
    """

    id = PrimaryIdField()
    owner = models.ForeignKey(Party, models.PROTECT, db_index=False, related_name="+")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    private_name = models.CharField(max_length=100, blank=True)
    is_blocked = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "identity_contact"
        constraints = [models.UniqueConstraint(fields=["owner", "party"], name="identity_contact_once")]
        indexes = [models.Index(fields=["owner", "created_at", "id"], name="identity_contact_by_time")]

    def __str__(self) -> str:
        return identifiers.show("con", self.id)


class LookUpKind(models.TextChoices):
    """What somebody wanted of a party that they named."""

    FIND = "find"
    VERIFY = "verify"
    KEEP = "keep"


class LookUp(models.Model):
    """Somebody asked for a party: who, for whom, as a keyed digest what, and whether there was an answer.

    Rows are never changed; a job removes them when they are old (`operations/look_ups.py`).
    """

    id = PrimaryIdField()
    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    party = models.ForeignKey(Party, models.PROTECT, db_index=False, db_constraint=False, related_name="+")
    kind = models.CharField(max_length=10, choices=LookUpKind.choices)
    asked = DigestField()
    found = models.BooleanField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "identity_look_up"
        indexes = [
            models.Index(fields=["user", "created_at"], name="identity_look_up_by_person"),
            models.Index(fields=["created_at"], name="identity_look_up_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {identifiers.show('usr', self.user_id)}"
