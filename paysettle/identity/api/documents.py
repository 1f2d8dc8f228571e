"""The shapes of organisations, members, invitations and API keys in OpenAPI; made in `identity/documents.py`."""

from rest_framework import serializers

from paysettle.api.schemas import page_of
from paysettle.identity.documents import KEY_STATES
from paysettle.identity.operations.api_keys import NAME_LENGTH_MAX, NETWORKS_MAX, OVERLAP_MAX
from paysettle.identity.personal import LEGAL_NAME_LENGTH_MAX, REGISTRATION_NUMBER_LENGTH_MAX
from paysettle.identity.roles import FOR_KEYS, Role

EMAIL_LENGTH_MAX = 254
TOKEN_LENGTH_MAX = 128
SESSION_NAME_LENGTH_MAX = 40
CODE_LENGTH_MAX = 20
ROLES = [role.value for role in Role]
SCOPES = sorted(scope.value for scope in FOR_KEYS)
_DAYS = "90 by default, or fewer where the installation allows fewer (`API_KEY_DAYS_MAX`, 365)."


class RegistrationOrderDocument(serializers.Serializer[None]):
    """What a register says of an organisation."""

    legal_name = serializers.CharField(max_length=LEGAL_NAME_LENGTH_MAX)
    country = serializers.CharField(min_length=2, max_length=2, help_text="ISO 3166-1 alpha-2, upper case: `PT`.")
    registration_number = serializers.CharField(max_length=REGISTRATION_NUMBER_LENGTH_MAX, required=False)


class OrganisationOrderDocument(RegistrationOrderDocument):
    """A new organisation."""

    handle = serializers.CharField(
        min_length=3,
        max_length=30,
        help_text="Of a-z, 0-9, dot, hyphen, underscore; never given to another party, nor one that looks like it.",
    )


class OrganisationDocument(serializers.Serializer[None]):
    """An organisation that the person acts for, and in which role."""

    id = serializers.CharField(help_text="`par_…`: for the header Acting-Party.")
    handle = serializers.CharField()
    legal_name = serializers.CharField()
    country = serializers.CharField()
    registration_number = serializers.CharField(allow_blank=True)
    state = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLES)
    created_at = serializers.DateTimeField()


class PersonDocument(serializers.Serializer[None]):
    """A person, as events name them."""

    id = serializers.CharField(help_text="`usr_…`")
    handle = serializers.CharField()


class MemberDocument(serializers.Serializer[None]):
    """A person who acts for an organisation."""

    id = serializers.CharField(help_text="`mem_…`: another one when somebody joins again.")
    person = PersonDocument()
    role = serializers.ChoiceField(choices=ROLES)
    since = serializers.DateTimeField()


class RoleOrderDocument(serializers.Serializer[None]):
    """What the member shall be."""

    role = serializers.ChoiceField(choices=ROLES)


class HandOverOrderDocument(serializers.Serializer[None]):
    """Who shall be the owner."""

    member = serializers.CharField(max_length=40, help_text="The id (`mem_…`) of another member.")


class InvitationOrderDocument(serializers.Serializer[None]):
    """Whom to invite, and as what."""

    email = serializers.EmailField(max_length=EMAIL_LENGTH_MAX)
    role = serializers.ChoiceField(choices=ROLES)


class InvitationDocument(serializers.Serializer[None]):
    """An invitation; the address it went to is not kept."""

    id = serializers.CharField(help_text="`inv_…`")
    role = serializers.ChoiceField(choices=ROLES)
    state = serializers.CharField(help_text="`open`, `accepted` or `revoked`.")
    made_by = PersonDocument()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class AcceptanceDocument(serializers.Serializer[None]):
    """What came by mail."""

    token = serializers.CharField(max_length=TOKEN_LENGTH_MAX)


class SessionDocument(serializers.Serializer[None]):
    """One sign-in of the person."""

    id = serializers.CharField(help_text="`ses_…`")
    device = serializers.CharField(help_text="What the device calls itself, roughly: `Firefox on Linux`.")
    name = serializers.CharField(help_text="What the person calls it; empty at first.", allow_blank=True)
    current = serializers.BooleanField(help_text="Whether it is the one that asks.")
    second_factor = serializers.BooleanField(help_text="Whether it has shown a second factor.")
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(help_text="To a precision of five minutes.")
    expires_at = serializers.DateTimeField(help_text="When it ends at the latest; earlier when it is idle.")


class SessionOrderDocument(serializers.Serializer[None]):
    """What the session shall be called."""

    name = serializers.CharField(max_length=SESSION_NAME_LENGTH_MAX)


class EndedSessionsDocument(serializers.Serializer[None]):
    """What came of it."""

    ended = serializers.IntegerField(help_text="How many sessions were ended.")


class AddressOrderDocument(serializers.Serializer[None]):
    """The address to come."""

    email = serializers.EmailField(max_length=EMAIL_LENGTH_MAX)


class AddressChangeDocument(serializers.Serializer[None]):
    """A change of address that waits for its codes."""

    expires_at = serializers.DateTimeField()


class AddressConfirmationDocument(serializers.Serializer[None]):
    """The address to come and what came by mail."""

    email = serializers.EmailField(max_length=EMAIL_LENGTH_MAX)
    code_from_old = serializers.CharField(max_length=CODE_LENGTH_MAX)
    code_from_new = serializers.CharField(max_length=CODE_LENGTH_MAX)


class ApiKeyOrderDocument(serializers.Serializer[None]):
    """A new API key."""

    name = serializers.CharField(max_length=NAME_LENGTH_MAX, help_text="What it is for, for people.")
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=SCOPES),
        min_length=1,
        help_text="Permissions of `identity/roles.py`, none that your own role lacks.",
    )
    networks = serializers.ListField(
        child=serializers.CharField(),
        min_length=1,
        max_length=NETWORKS_MAX,
        required=False,
        help_text="CIDR: `203.0.113.0/24`. It is refused from elsewhere; by default it may be used from anywhere.",
    )
    expires_in_days = serializers.IntegerField(min_value=1, required=False, help_text=_DAYS)


class ApiKeyRotationOrderDocument(serializers.Serializer[None]):
    """How one key takes the place of another."""

    overlap_s = serializers.IntegerField(
        min_value=0,
        max_value=int(OVERLAP_MAX.total_seconds()),
        required=False,
        help_text="How many seconds the old one works on; a day by default, 0: it ends at once.",
    )
    expires_in_days = serializers.IntegerField(
        min_value=1,
        required=False,
        help_text="By default as many as the old one was given, within what the installation allows.",
    )


class ApiKeyDocument(serializers.Serializer[None]):
    """An API key, without its secret."""

    id = serializers.CharField(help_text="`key_…`; a secret begins with `psk_` and the same letters.")
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES))
    networks = serializers.ListField(child=serializers.CharField(), help_text="Empty: from anywhere.")
    state = serializers.ChoiceField(choices=KEY_STATES)
    made_by = PersonDocument(help_text="Whose role bounds what it may do.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    revoked_at = serializers.DateTimeField(allow_null=True)
    replaced_by = serializers.CharField(allow_null=True, help_text="`key_…`: the key that it was rotated to.")


class ApiKeyMadeDocument(ApiKeyDocument):
    """An API key that was just made."""

    secret = serializers.CharField(help_text="`psk_…`: the bearer token, shown this once.")


REGISTRATION_ORDER = RegistrationOrderDocument
ORGANISATION_ORDER = OrganisationOrderDocument
ORGANISATION = OrganisationDocument
ORGANISATION_PAGE = page_of(OrganisationDocument)
MEMBER = MemberDocument
MEMBER_PAGE = page_of(MemberDocument)
ROLE_ORDER = RoleOrderDocument
HAND_OVER_ORDER = HandOverOrderDocument
INVITATION_ORDER = InvitationOrderDocument
INVITATION = InvitationDocument
INVITATION_PAGE = page_of(InvitationDocument)
ACCEPTANCE = AcceptanceDocument
SESSION = SessionDocument
SESSION_PAGE = page_of(SessionDocument)
SESSION_ORDER = SessionOrderDocument
ENDED_SESSIONS = EndedSessionsDocument
ADDRESS_ORDER = AddressOrderDocument
ADDRESS_CHANGE = AddressChangeDocument
ADDRESS_CONFIRMATION = AddressConfirmationDocument
API_KEY_ORDER = ApiKeyOrderDocument
API_KEY_ROTATION_ORDER = ApiKeyRotationOrderDocument
API_KEY = ApiKeyDocument
API_KEY_PAGE = page_of(ApiKeyDocument)
API_KEY_MADE = ApiKeyMadeDocument
