"""What a person or a machine shows who they are by: sessions and their tokens, addresses, API keys."""

from django.db import models

from paysettle.identity.models.parties import Party, User
from paysettle.kernel import identifiers
from paysettle.kernel.fields import DigestField, PrimaryIdField


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
