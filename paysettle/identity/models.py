"""People and parties.

A **User** is a person who signs in. A **Party** can pay, owe and be paid: a person or an organisation. A User acts for
one or several parties through a **Membership**, in the role that it gives (`roles.py`). A **LoginSession** is one
sign-in on one device; its public id is the `sid` of the tokens given to it.
"""

from django.contrib.auth.models import AbstractUser
from django.db import models

from paysettle.identity.handles import SKELETON_LENGTH_MAX
from paysettle.identity.roles import Role, StaffRole
from paysettle.kernel import identifiers
from paysettle.kernel.fields import DigestField, IdField, PrimaryIdField
from paysettle.kernel.insert_only import InsertOnlyModel


class PartyKind(models.TextChoices):
    """What a party is."""

    PERSON = "person"
    ORGANISATION = "organisation"


class PartyState(models.TextChoices):
    """Whether a party takes part; closed is for good, and pending is whoever has not confirmed their address yet."""

    PENDING = "pending"
    ACTIVE = "active"
    DISABLED = "disabled"
    CLOSED = "closed"


class Party(models.Model):
    """A person or an organisation that can pay, owe and be paid. Its handle is never given to another party.

    Nor is one that looks like it (`handles.skeleton`). Only that of a sign-up that nobody ever confirmed is free again,
    for nobody could pay it (`operations/lapsing.py`). Those that looked alike before that was held have `=` and the
    handle for their skeleton.
    """

    id = PrimaryIdField()
    kind = models.CharField(max_length=12, choices=PartyKind.choices)
    handle = models.CharField(max_length=30, unique=True)
    handle_skeleton = models.CharField(max_length=SKELETON_LENGTH_MAX)
    state = models.CharField(max_length=10, choices=PartyState.choices, default=PartyState.ACTIVE)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "identity_party"
        verbose_name_plural = "parties"
        constraints = [models.UniqueConstraint(fields=["handle_skeleton"], name="identity_party_no_look_alikes")]
        indexes = [models.Index(fields=["state", "created_at"], name="identity_party_by_state")]

    def __str__(self) -> str:
        return self.handle


STAFF_ROLES = [(role.value, role.value.replace("_", " ")) for role in StaffRole]


class User(AbstractUser):
    """A person who signs in; never an account, never a party. `own_party` is the one the person is.

    Who is staff has one staff role; "" is nobody's. Of Django's two flags one is read from it, the other is gone: what
    staff may do is asked of the table in `roles.py` alone.
    """

    id = PrimaryIdField()
    own_party = models.OneToOneField(Party, models.PROTECT, related_name="person")
    staff_role = models.CharField(max_length=20, choices=STAFF_ROLES, blank=True, default="")
    version = models.PositiveIntegerField(default=1)

    is_superuser = False  # no field: nobody may do everything

    class Meta:
        db_table = "identity_user"
        indexes = [models.Index(fields=["staff_role"], name="identity_user_by_staff_role")]

    @property
    def is_staff(self) -> bool:  # type: ignore[override]  # Django has a field here
        """Whether the person is a member of staff."""
        return bool(self.staff_role)


ROLES = [(role.value, role.value) for role in Role]


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


class Profile(models.Model):
    """What a person says of themself: a name, read and written by `personal.py` alone, and how they may be found.

    Without a row nothing was said.
    """

    party = models.OneToOneField(Party, models.PROTECT, primary_key=True, related_name="+")
    full_name = models.CharField(max_length=200, blank=True)
    findable_by_email = models.BooleanField(default=False)

    class Meta:
        db_table = "identity_profile"

    def __str__(self) -> str:
        return identifiers.show("par", self.party_id)


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


class SessionEnd(models.TextChoices):
    """Why a session ended before its time."""

    SIGNED_OUT = "signed_out"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason, not a password
    PERSON_DISABLED = "person_disabled"
    REFRESH_TOKEN_REPLAYED = "refresh_token_replayed"  # noqa: S105
    REVOKED = "revoked"
    ACCOUNT_CLOSED = "account_closed"


class LoginSession(models.Model):
    """One sign-in; ends with the Django session, a change of password, or the person. Its id is the tokens' `sid`.

    `django_session` is the SHA-256 of Django's session key, which itself is stored nowhere (`session_store.py`).
    `authenticated_at` and `second_factor_at` say when it last showed who is there, and by a second factor.
    `device` is what the User-Agent gives away roughly, `name` what the person calls it.
    """

    id = PrimaryIdField()
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    django_session = DigestField(unique=True)
    device = models.CharField(max_length=40)
    name = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField()
    authenticated_at = models.DateTimeField()
    second_factor_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=24, choices=SessionEnd.choices, blank=True, default="")

    class Meta:
        db_table = "identity_login_session"

    def __str__(self) -> str:
        return identifiers.show("ses", self.id)


class AddressChange(models.Model):
    """A person wants another e-mail address: one code went to the old one, one to the new one, and both must come back.

    The new address is here as a keyed digest alone, and so are the codes. A person has one at a time.
    """

    user = models.OneToOneField(User, models.PROTECT, primary_key=True, related_name="+")
    address_digest = DigestField()
    old_code_digest = DigestField()
    new_code_digest = DigestField()
    attempts_left = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "identity_address_change"

    def __str__(self) -> str:
        return f"for {identifiers.show('usr', self.user_id)}"


class RefreshToken(models.Model):
    """One refresh token, as a digest: spent once. All tokens of a session are one family."""

    digest = DigestField(primary_key=True)
    session = models.ForeignKey(LoginSession, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "identity_refresh_token"

    def __str__(self) -> str:
        return f"a token of {identifiers.show('ses', self.session_id)}"


class VerifiedAddress(models.Model):
    """The keyed digest of a verified e-mail address: unique on every database, where allauth's constraint is not."""

    digest = DigestField(primary_key=True)
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "identity_verified_address"

    def __str__(self) -> str:
        return f"the address of {identifiers.show('usr', self.user_id)}"


class ApiKey(models.Model):
    """A credential of a party for a machine, which acts by the person who made it; only its digest is kept.

    Whose it is, its scopes (permissions of `roles.py`) and its networks (CIDR; none: from anywhere), both with blanks
    between, never change. It is live until `expires_at` unless it was revoked. A rotated key names its successor.
    """

    id = PrimaryIdField()
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    name = models.CharField(max_length=64)
    digest = DigestField(unique=True)
    scopes = models.TextField()
    networks = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    replaced_by = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "identity_api_key"
        indexes = [models.Index(fields=["party", "created_at", "id"], name="identity_api_key_by_time")]

    def __str__(self) -> str:
        return identifiers.show("key", self.id)


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
