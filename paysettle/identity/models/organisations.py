"""Organisations: who may act for them, within which limits, and who is invited."""

from django.db import models

from paysettle.identity.models.parties import Party, User
from paysettle.identity.roles import Role
from paysettle.kernel import identifiers
from paysettle.kernel.fields import DigestField, IdField, PrimaryIdField

ROLES = [(role.value, role.value) for role in Role]


class Organisation(models.Model):
    """What a register says of a party that is an organisation; read and written by `personal.py` alone."""

    party = models.OneToOneField(Party, models.PROTECT, primary_key=True, related_name="+")
    legal_name = models.CharField(max_length=200)
    country = models.CharField(max_length=2)
    registration_number = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "identity_organisation"

    def __str__(self) -> str:
        return identifiers.show("par", self.party_id)


class Membership(models.Model):
    """A user may act for a party, in a role. The row goes when the membership ends; the log keeps its history."""

    id = PrimaryIdField()
    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    party = models.ForeignKey(Party, models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=ROLES)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "identity_membership"
        constraints = [models.UniqueConstraint(fields=["user", "party"], name="identity_membership_once")]

    def __str__(self) -> str:
        return f"{self.user_id} for {self.party_id}"


class MemberLimit(models.Model):
    """What a person may send alone for an organisation, in one currency, and what they have sent on `spent_day`.

    Its id is made of the other three (`limit_rules.limit_id`). Empty limits are none. The row outlives the membership:
    whoever joins again finds their limit. Amounts in minor units.
    """

    id = IdField(primary_key=True)
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    per_payment_minor = models.BigIntegerField(null=True)
    per_day_minor = models.BigIntegerField(null=True)
    spent_day = models.DateField(null=True)
    spent_minor = models.BigIntegerField(default=0)
    spent_since = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        db_table = "identity_member_limit"
        constraints = [
            models.UniqueConstraint(fields=["party", "user", "currency"], name="identity_member_limit_once"),
            models.CheckConstraint(condition=models.Q(spent_minor__gte=0), name="identity_member_limit_spent"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} for {self.party_id} in {self.currency}"


class ApprovalPolicy(models.Model):
    """How many must approve which payments of an organisation, and where its day begins; `rules` is JSON."""

    party = models.OneToOneField(Party, models.PROTECT, primary_key=True, related_name="+")
    time_zone = models.CharField(max_length=64)
    rules = models.TextField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        db_table = "identity_approval_policy"
        verbose_name_plural = "approval policies"

    def __str__(self) -> str:
        return identifiers.show("par", self.party_id)


class InvitationState(models.TextChoices):
    """What became of an invitation; an open one may have expired meanwhile."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REVOKED = "revoked"


class Invitation(models.Model):
    """Somebody may join an organisation: whoever brings the token and has verified the address it was sent to.

    Token and address are here as digests alone (SHA-256, and the keyed one of `addresses.py`).
    """

    id = PrimaryIdField()
    organisation = models.ForeignKey(Party, models.PROTECT, related_name="+")
    token_digest = DigestField(unique=True)
    address_digest = DigestField()
    role = models.CharField(max_length=10, choices=ROLES)
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=InvitationState.choices, default=InvitationState.OPEN)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "identity_invitation"
        indexes = [models.Index(fields=["organisation", "created_at", "id"], name="identity_invitation_by_time")]

    def __str__(self) -> str:
        return identifiers.show("inv", self.id)
