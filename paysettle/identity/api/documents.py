"""The shapes of organisations, members and invitations in OpenAPI; `identity/documents.py` makes the real ones."""

from rest_framework import serializers

from paysettle.api.schemas import page_of
from paysettle.identity.personal import LEGAL_NAME_LENGTH_MAX, REGISTRATION_NUMBER_LENGTH_MAX
from paysettle.identity.roles import Role

EMAIL_LENGTH_MAX = 254
TOKEN_LENGTH_MAX = 128
ROLES = [role.value for role in Role]


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
