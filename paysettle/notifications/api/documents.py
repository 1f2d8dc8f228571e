"""The shapes of the inbox in OpenAPI; `notifications/documents.py` makes the real ones."""

from rest_framework import serializers

from paysettle.api.schemas import MoneyDocument, PartyDocument, page_of
from paysettle.notifications.kinds import Kind


class NoticeDocument(serializers.Serializer[None]):
    """What an entry is about."""

    subject = serializers.CharField(
        help_text="`pay_…`, `set_…`, `key_…`, `usr_…`, `ses_…` or `par_…` (a closed account): what it is about."
    )
    party = PartyDocument(help_text="Who did it.")
    amounts = MoneyDocument(many=True, help_text="One for each currency; none where it is not about money.")


class InboxEntryDocument(serializers.Serializer[None]):
    """Something the acting party is told."""

    id = serializers.CharField(help_text="`ntf_…`")
    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    sentence = serializers.CharField(help_text="For people: `ben paid you 12.50 EUR`.")
    data = NoticeDocument()  # type: ignore[assignment]  # hides what only serializers with instances use
    created_at = serializers.DateTimeField()
    read_at = serializers.DateTimeField(allow_null=True)


class ReadUpToOrderDocument(serializers.Serializer[None]):
    """Up to where the inbox has been read."""

    up_to = serializers.CharField(help_text="The id (`ntf_…`) of the newest entry that was seen.")


class UnreadDocument(serializers.Serializer[None]):
    """What is left to read."""

    unread = serializers.IntegerField(help_text="How many entries are unread now.")


ENTRY = InboxEntryDocument
ENTRY_PAGE = page_of(InboxEntryDocument)
READ_UP_TO_ORDER = ReadUpToOrderDocument
UNREAD = UnreadDocument
