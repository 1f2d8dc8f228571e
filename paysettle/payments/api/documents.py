"""The shapes of payments and accounts in OpenAPI; `payments/documents.py` makes the real ones."""

from rest_framework import serializers

from paysettle.api.schemas import FieldErrorDocument, MoneyDocument, MoneyOrder, PartyDocument, ProblemDocument, page_of
from paysettle.identity.api.documents import PersonDocument
from paysettle.identity.limit_rules import Reason
from paysettle.payments.lifecycle import State
from paysettle.payments.operations.bulk import ITEMS_MAX
from paysettle.payments.rules import HOLD_LIFE_MAX, HOLD_LIFE_MIN, NOTE_LENGTH_MAX, REFERENCE_LENGTH_MAX, WEIGHT_MAX

STATES = [state.value for state in State]
BATCH_STATES = ["processing", "done"]
REASONS = [reason.value for reason in Reason]


class PaymentOrderDocument(serializers.Serializer[None]):
    """What a payer sends."""

    payee = serializers.CharField(max_length=40, help_text="The handle or the id (`par_…`) of the payee.")
    amount = MoneyOrder()
    note = serializers.CharField(max_length=NOTE_LENGTH_MAX, required=False, help_text="Seen by both parties.")
    reference = serializers.CharField(max_length=REFERENCE_LENGTH_MAX, required=False, help_text="Yours; to search by.")
    metadata = serializers.DictField(child=serializers.CharField(), required=False, help_text="Short texts by name.")
    capture = serializers.ChoiceField(
        choices=["now", "later"], required=False, help_text="`later` holds the money until the payee captures it."
    )
    expires_in_s = serializers.IntegerField(
        min_value=int(HOLD_LIFE_MIN.total_seconds()),
        max_value=int(HOLD_LIFE_MAX.total_seconds()),
        required=False,
        help_text="How long the money is held, in seconds; a week by default.",
    )


class PaymentApprovalDocument(serializers.Serializer[None]):
    """What a payment needs before it moves."""

    needed = serializers.IntegerField(help_text="How many distinct people must approve, none of them its maker.")
    approved = serializers.IntegerField(help_text="How many have.")
    reason = serializers.ChoiceField(choices=REASONS, help_text="Which limit it is above, or a rule of the policy.")


class PaymentDocument(serializers.Serializer[None]):
    """A payment."""

    id = serializers.CharField(help_text="`pay_…`")
    payer = PartyDocument()
    payee = PartyDocument()
    amount = MoneyDocument()
    captured = MoneyDocument(help_text="What the payee has taken.")
    refunded = MoneyDocument(help_text="What the payee has given back of it.")
    note = serializers.CharField(allow_blank=True)
    reference = serializers.CharField(allow_blank=True)
    metadata = serializers.DictField(child=serializers.CharField())
    state = serializers.ChoiceField(
        choices=STATES, help_text="`pending_approval`: it waits for others of the payer's organisation."
    )
    approval = PaymentApprovalDocument(allow_null=True, help_text="Shown to the payer; null if nobody had to approve.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When held money goes back by itself.")
    created_at = serializers.DateTimeField()


class PreviewedPaymentDocument(PaymentDocument):
    """A payment that has not been made."""

    id = serializers.CharField(allow_null=True, help_text="Always null.")


class PreviewDocument(serializers.Serializer[None]):
    """What would happen."""

    outcome = serializers.ChoiceField(choices=["accepted", "refused"])
    payment = PreviewedPaymentDocument(allow_null=True, help_text="As it would be, without an id.")
    problem = ProblemDocument(allow_null=True)
    booked_after = MoneyDocument(allow_null=True)
    available_after = MoneyDocument(allow_null=True)


class CaptureOrderDocument(serializers.Serializer[None]):
    """How much to take; the body may be left out."""

    amount = MoneyOrder(required=False, help_text="All that is held, by default.")
    final = serializers.BooleanField(required=False, help_text="Give back what this capture leaves.")


class RefundOrderDocument(serializers.Serializer[None]):
    """How much to pay back, and why; the body may be left out."""

    amount = MoneyOrder(required=False, help_text="All that is left to refund, by default.")
    reason = serializers.CharField(max_length=NOTE_LENGTH_MAX, required=False)


class ApprovalDocument(serializers.Serializer[None]):
    """What one person decided about a payment of somebody else of the same organisation."""

    payment = serializers.CharField(help_text="`pay_…`")
    person = PersonDocument()
    decision = serializers.ChoiceField(choices=["approved", "rejected"])
    created_at = serializers.DateTimeField()


class RefundDocument(serializers.Serializer[None]):
    """A refund."""

    id = serializers.CharField(help_text="`ref_…`")
    payment = serializers.CharField(help_text="`pay_…`")
    amount = MoneyDocument()
    reason = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class BatchOrderItemDocument(PaymentOrderDocument):
    """One order of a batch."""

    key = serializers.CharField(max_length=255, help_text="The idempotency key of this order.")
    amount = MoneyOrder(required=False, help_text="Required, unless the amount of the batch is split.")
    weight = serializers.IntegerField(
        min_value=1,
        max_value=WEIGHT_MAX,
        required=False,
        help_text="Its weight where one amount is split; 1 by default.",
    )


class BatchOrderDocument(serializers.Serializer[None]):
    """Orders to carry out, each for itself."""

    items = serializers.ListField(child=BatchOrderItemDocument(), min_length=1, max_length=ITEMS_MAX)
    amount = MoneyOrder(
        required=False,
        help_text="To split among the items by their weights: each gets its share, rounded down, and what is left goes "
        "to the largest remainders, among equal ones to who stands first.",
    )


class BatchProblemDocument(serializers.Serializer[None]):
    """Why an order was refused."""

    code = serializers.CharField()
    detail = serializers.CharField()
    retryable = serializers.BooleanField(help_text="Sent by itself with its key, the order may succeed later.")
    object_id = serializers.CharField(required=False, help_text="What the key has made before: `pay_…`")
    errors = FieldErrorDocument(many=True, required=False)  # type: ignore[assignment]  # the field, not the property


class BatchItemDocument(serializers.Serializer[None]):
    """An order of a batch and its outcome."""

    n = serializers.IntegerField(help_text="Its place in the list that was sent, from 0.")
    key = serializers.CharField()
    status = serializers.IntegerField(allow_null=True, help_text="As a single payment would have been answered.")
    payment = serializers.CharField(allow_null=True, help_text="`pay_…`")
    state = serializers.ChoiceField(choices=STATES, allow_null=True, help_text="As the payment began.")
    problem = BatchProblemDocument(allow_null=True)


class BatchSummaryDocument(serializers.Serializer[None]):
    """A batch and how far it is."""

    id = serializers.CharField(help_text="`bat_…`")
    state = serializers.ChoiceField(choices=BATCH_STATES)
    total = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    refused = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class BatchDocument(BatchSummaryDocument):
    """A batch: how far it is, and all outcomes when it is done."""

    items = BatchItemDocument(many=True)


class BatchItemPageDocument(serializers.Serializer[None]):
    """A page of the items of a batch, in the order in which they were sent."""

    data = BatchItemDocument(many=True)  # type: ignore[assignment]  # the field, not the property of serializers
    next = serializers.CharField(allow_null=True)


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

    kind = serializers.ChoiceField(choices=["payment", "refund", "settlement", "treasury_move"])
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
    """A page of a statement, newest first. Opening and all lines of the period add up to closing."""

    opening = MoneyDocument()
    closing = MoneyDocument()
    data = StatementLineDocument(many=True)  # type: ignore[assignment]  # the field, not the property of serializers
    next = serializers.CharField(allow_null=True, help_text="The address of the next, older page.")


class PastBalanceDocument(serializers.Serializer[None]):
    """What was booked at a moment."""

    at = serializers.DateTimeField()
    booked = MoneyDocument()


PAYMENT_ORDER = PaymentOrderDocument
PAYMENT = PaymentDocument
PAYMENT_PAGE = page_of(PaymentDocument)
PREVIEW = PreviewDocument
CAPTURE_ORDER = CaptureOrderDocument
REFUND_ORDER = RefundOrderDocument
APPROVAL_PAGE = page_of(ApprovalDocument)
REFUND = RefundDocument
REFUND_PAGE = page_of(RefundDocument)
BATCH_ORDER = BatchOrderDocument
BATCH = BatchDocument
BATCH_PAGE = page_of(BatchSummaryDocument)
BATCH_ITEM_PAGE = BatchItemPageDocument
ACCOUNT_LIST = AccountListDocument
PAST_BALANCE = PastBalanceDocument
STATEMENT_PAGE = StatementPageDocument
