"""People and parties, and what they say of themselves."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from paysettle.identity.handles import SKELETON_LENGTH_MAX
from paysettle.identity.roles import StaffRole
from paysettle.kernel import identifiers
from paysettle.kernel.fields import PrimaryIdField


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
