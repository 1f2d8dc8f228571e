"""The shapes of payees, contacts and profiles in OpenAPI; `identity/documents.py` makes the real ones."""

from rest_framework import serializers

from paysettle.api.schemas import page_of
from paysettle.identity.api.documents import EMAIL_LENGTH_MAX
from paysettle.identity.personal import FULL_NAME_LENGTH_MAX, LEGAL_NAME_LENGTH_MAX, PRIVATE_NAME_LENGTH_MAX

REFERENCE_LENGTH_MAX = 40


class PayeeSearchDocument(serializers.Serializer[None]):
    """What to look for: exactly one of the two."""

    handle = serializers.CharField(max_length=REFERENCE_LENGTH_MAX, required=False)
    email = serializers.EmailField(max_length=EMAIL_LENGTH_MAX, required=False)


class PayeeDocument(serializers.Serializer[None]):
    """A party, as everybody may know it."""

    id = serializers.CharField(help_text="`par_…`")
    handle = serializers.CharField()
    kind = serializers.CharField(help_text="`person` or `organisation`.")


class ClosedAccountDocument(PayeeDocument):
    """A party that has been closed."""

    state = serializers.CharField(help_text="`closed`")


class VerificationOrderDocument(serializers.Serializer[None]):
    """Whom one is about to pay, and what one expects them to be called."""

    payee = serializers.CharField(max_length=REFERENCE_LENGTH_MAX, help_text="A handle or an id (`par_…`).")
    name = serializers.CharField(max_length=LEGAL_NAME_LENGTH_MAX)


class VerificationDocument(serializers.Serializer[None]):
    """Whether the payee has the expected name; the name itself is never shown."""

    payee = PayeeDocument()
    result = serializers.CharField(
        help_text="`match`, `close_match`, `no_match`, or `not_possible` when the payee has given no name."
    )


class ContactOrderDocument(serializers.Serializer[None]):
    """Whom to keep, and under which name."""

    party = serializers.CharField(max_length=REFERENCE_LENGTH_MAX, help_text="A handle or an id (`par_…`).")
    name = serializers.CharField(max_length=PRIVATE_NAME_LENGTH_MAX, required=False, allow_blank=True)


class ContactNameDocument(serializers.Serializer[None]):
    """What the contact shall be called."""

    name = serializers.CharField(max_length=PRIVATE_NAME_LENGTH_MAX, allow_blank=True)


class ContactDocument(serializers.Serializer[None]):
    """A party that one keeps."""

    id = serializers.CharField(help_text="`con_…`")
    party = PayeeDocument()
    name = serializers.CharField(allow_blank=True, help_text="Given by the owner of the list, seen by nobody else.")
    blocked = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class ProfileOrderDocument(serializers.Serializer[None]):
    """What to change; what is left out stays."""

    name = serializers.CharField(
        max_length=FULL_NAME_LENGTH_MAX, required=False, allow_blank=True, help_text="Empty: none."
    )
    findable_by_email = serializers.BooleanField(required=False)


class ProfileDocument(serializers.Serializer[None]):
    """What a person says of themself."""

    name = serializers.CharField(
        allow_blank=True, help_text="Shown to nobody; those who pay may ask whether it is the one they expect."
    )
    findable_by_email = serializers.BooleanField(help_text="Whether others find the person by their address.")


PAYEE_SEARCH = PayeeSearchDocument
PAYEE = PayeeDocument
CLOSED_ACCOUNT = ClosedAccountDocument
VERIFICATION_ORDER = VerificationOrderDocument
VERIFICATION = VerificationDocument
CONTACT_ORDER = ContactOrderDocument
CONTACT_NAME = ContactNameDocument
CONTACT = ContactDocument
CONTACT_PAGE = page_of(ContactDocument)
PROFILE_ORDER = ProfileOrderDocument
PROFILE = ProfileDocument
