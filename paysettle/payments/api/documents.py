"""The shapes of payments and accounts in OpenAPI; `payments/documents.py` makes the real ones."""

from rest_framework import serializers

from paysettle.api.schemas import MoneyDocument, MoneyOrder, PartyDocument, page_of
from paysettle.payments.rules import NOTE_LENGTH_MAX


class PaymentOrderDocument(serializers.Serializer[None]):
    """What a payer sends."""

    payee = serializers.CharField(max_length=40, help_text="The handle or the id (`par_…`) of the payee.")
    amount = MoneyOrder()
    note = serializers.CharField(max_length=NOTE_LENGTH_MAX, required=False, help_text="Seen by both parties.")


class PaymentDocument(serializers.Serializer[None]):
    """A payment."""

    id = serializers.CharField(help_text="`pay_…`")
    payer = PartyDocument()
    payee = PartyDocument()
    amount = MoneyDocument()
    note = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=["completed"])
    created_at = serializers.DateTimeField()


class AccountDocument(serializers.Serializer[None]):
    """A wallet: one for each currency."""

    id = serializers.CharField(help_text="`acc_…`")
    currency = serializers.CharField(help_text="ISO 4217")
    booked = MoneyDocument()
    held = MoneyDocument()
    available = MoneyDocument()
    state = serializers.ChoiceField(choices=["open", "frozen", "closed"])


class AccountListDocument(serializers.Serializer[None]):
    """All wallets of a party."""

    data = AccountDocument(many=True)  # type: ignore[assignment]  # the field, not the property of serializers


class SubjectDocument(serializers.Serializer[None]):
    """What a transfer was for."""

    kind = serializers.ChoiceField(choices=["payment", "settlement", "treasury_move"])
    id = serializers.CharField()


class StatementLineDocument(serializers.Serializer[None]):
    """One line of a statement."""

    sequence = serializers.IntegerField()
    booked_at = serializers.DateTimeField()
    amount = MoneyDocument(help_text="Positive for money received, negative for money paid.")
    balance_after = MoneyDocument()
    transfer = serializers.CharField(help_text="`tra_…`")
    subject = SubjectDocument()
    counterparty = PartyDocument(allow_null=True)


class StatementPageDocument(serializers.Serializer[None]):
    """A page of a statement, newest first."""

    data = StatementLineDocument(many=True)  # type: ignore[assignment]  # the field, not the property of serializers
    next = serializers.CharField(allow_null=True, help_text="The address of the next, older page.")


PAYMENT_ORDER = PaymentOrderDocument
PAYMENT = PaymentDocument
PAYMENT_PAGE = page_of(PaymentDocument)
ACCOUNT_LIST = AccountListDocument
STATEMENT_PAGE = StatementPageDocument
