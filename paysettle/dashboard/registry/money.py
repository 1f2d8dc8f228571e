"""Payments, transfers and treasury moves."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString

from paysettle.dashboard import search, show
from paysettle.dashboard.filters import (
    DirectionFilter,
    SinceFilter,
    StateFilter,
)
from paysettle.dashboard.read_only import ReadOnlyAdmin
from paysettle.dashboard.registry import related
from paysettle.dashboard.show import Table
from paysettle.identity.models import Party
from paysettle.identity.roles import StaffPermission
from paysettle.kernel import identifiers
from paysettle.kernel.identifiers import SYSTEM
from paysettle.ledger.chart import WORLD
from paysettle.ledger.models import Account, Entry, Transfer
from paysettle.payments.models import Payment, PaymentBatch, Refund, TreasuryMove


class CurrencyFilter(SimpleListFilter):
    """In this currency: one of those that money has entered in."""

    title = "currency"
    parameter_name = "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:  # noqa: ARG002
        found = Account.objects.filter(owner_id=SYSTEM, kind=WORLD.code).order_by("currency")
        return [(currency, currency) for currency in found.values_list("currency", flat=True)]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":  # noqa: ARG002
        return queryset.filter(currency=self.value()) if self.value() else queryset


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    """Payments from party to party."""

    name = "Payments"
    needs = StaffPermission.MONEY_READ
    list_display = ("public_id", "made", "payer_link", "payee_link", "money", "standing")
    list_filter = (StateFilter, CurrencyFilter, SinceFilter)
    list_select_related = ("payer", "payee")
    fields = (
        "public_id",
        "money",
        "captured",
        "refunded",
        "payer_link",
        "payee_link",
        "note_text",
        "reference",
        "standing",
        "approval",
        "expires",
        "made",
        "made_by",
    )
    search_help_text = "pay_…, handle, or amount like 12.50 EUR"
    time_field = "created_at"

    def label(self, record: Payment) -> str:
        return identifiers.show("pay", record.id)

    def search(self, term: str) -> Q:
        parties = Party.objects.all()
        return search.by_id("pay", term) or (
            search.by_amount(term) | search.by_party(term, "payer_id", "payee_id", parties=parties)
        )

    def tables(self, record: Payment) -> list[Table]:
        return [
            related.transfers(record.id),
            related.hold(record.hold_id, record.currency),
            related.approvals(record.id),
            related.refunds(record.id, record.currency),
        ]

    @admin.display(description="captured")
    def captured(self, payment: Payment) -> SafeString:
        return show.amount(payment.captured_minor, payment.currency)

    @admin.display(description="refunded")
    def refunded(self, payment: Payment) -> SafeString:
        return show.amount(payment.refunded_minor, payment.currency)

    @admin.display(description="hold expires (UTC)")
    def expires(self, payment: Payment) -> str:
        return show.moment(payment.expires_at)

    @admin.display(description="ID")
    def public_id(self, payment: Payment) -> SafeString:
        return show.public_id("pay", payment.id)

    @admin.display(description="time (UTC)")
    def made(self, payment: Payment) -> str:
        return show.moment(payment.created_at)

    @admin.display(description="payer")
    def payer_link(self, payment: Payment) -> SafeString:
        return show.record(payment.payer, payment.payer.handle)

    @admin.display(description="payee")
    def payee_link(self, payment: Payment) -> SafeString:
        return show.record(payment.payee, payment.payee.handle)

    @admin.display(description="amount")
    def money(self, payment: Payment) -> SafeString:
        return show.amount(payment.amount_minor, payment.currency)

    @admin.display(description="state")
    def standing(self, payment: Payment) -> SafeString:
        return show.state(payment.state)

    @admin.display(description="approvers needed")
    def approval(self, payment: Payment) -> str:
        if payment.approvers_needed is None:
            return show.NONE
        return f"{payment.approvers_needed} ({str(payment.approval_reason).replace('_', ' ')})"

    @admin.display(description="note")
    def note_text(self, payment: Payment) -> str:
        return payment.note or show.NONE

    @admin.display(description="made by")
    def made_by(self, payment: Payment) -> str:
        return related.actor(identifiers.show("usr", payment.created_by_id))


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    """Money that payees gave back."""

    name = "Refunds"
    needs = StaffPermission.MONEY_READ
    list_display = ("public_id", "made", "payment_link", "money")
    list_filter = (SinceFilter,)
    list_select_related = ("payment",)
    fields = ("public_id", "money", "payment_link", "reason", "made", "made_by")
    search_help_text = "ref_… or pay_…"
    time_field = "created_at"

    def label(self, record: Refund) -> str:
        return identifiers.show("ref", record.id)

    def search(self, term: str) -> Q:
        return search.by_id("ref", term) or search.by_id("pay", term, "payment_id") or Q(pk__in=[])

    def tables(self, record: Refund) -> list[Table]:
        return [related.transfers(record.id)]

    @admin.display(description="ID")
    def public_id(self, refund: Refund) -> SafeString:
        return show.public_id("ref", refund.id)

    @admin.display(description="time (UTC)")
    def made(self, refund: Refund) -> str:
        return show.moment(refund.created_at)

    @admin.display(description="payment")
    def payment_link(self, refund: Refund) -> SafeString:
        return show.record(refund.payment, identifiers.show("pay", refund.payment_id))

    @admin.display(description="amount")
    def money(self, refund: Refund) -> SafeString:
        return show.amount(refund.amount_minor, refund.payment.currency)

    @admin.display(description="made by")
    def made_by(self, refund: Refund) -> str:
        return related.actor(identifiers.show("usr", refund.created_by_id))


@admin.register(PaymentBatch)
class PaymentBatchAdmin(ReadOnlyAdmin):
    """Payment orders that were sent together."""

    name = "Payment batches"
    needs = StaffPermission.MONEY_READ
    list_display = ("public_id", "made", "party_link", "total", "done", "finished")
    list_filter = (SinceFilter,)
    list_select_related = ("party",)
    fields = ("public_id", "party_link", "total", "done", "made", "finished", "made_by")
    search_help_text = "bat_… or handle"
    time_field = "created_at"

    def label(self, record: PaymentBatch) -> str:
        return identifiers.show("bat", record.id)

    def search(self, term: str) -> Q:
        return search.by_id("bat", term) or search.by_party(term, "party_id", parties=Party.objects.all())

    def tables(self, record: PaymentBatch) -> list[Table]:
        return [related.batch_items(record.id)]

    @admin.display(description="ID")
    def public_id(self, batch: PaymentBatch) -> SafeString:
        return show.public_id("bat", batch.id)

    @admin.display(description="time (UTC)")
    def made(self, batch: PaymentBatch) -> str:
        return show.moment(batch.created_at)

    @admin.display(description="party")
    def party_link(self, batch: PaymentBatch) -> SafeString:
        return show.record(batch.party, batch.party.handle)

    @admin.display(description="finished (UTC)")
    def finished(self, batch: PaymentBatch) -> str:
        return show.moment(batch.finished_at)

    @admin.display(description="made by")
    def made_by(self, batch: PaymentBatch) -> str:
        return related.actor(identifiers.show("usr", batch.user_id))


@admin.register(Transfer)
class TransferAdmin(ReadOnlyAdmin):
    """Movements between two accounts of the ledger."""

    name = "Transfers"
    needs = StaffPermission.MONEY_READ
    list_display = ("public_id", "booked", "debtor", "creditor", "money", "purpose")
    list_filter = (CurrencyFilter, SinceFilter)
    fields = ("public_id", "money", "debtor", "creditor", "purpose", "booked", "effective", "event")
    search_help_text = "tra_…, pay_…, set_…, trs_…, acc_…, handle or amount"
    time_field = "booked_at"
    named_by: ClassVar = {
        "tra": ("id",),
        "pay": ("subject_id",),
        "ref": ("subject_id",),
        "set": ("subject_id",),
        "trs": ("subject_id",),
        "acc": ("debit_account_id", "credit_account_id"),
    }

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Bring the handles of both owners along; the system's own accounts have none."""

        def handle_of(account: str) -> Subquery:
            return Subquery(Party.objects.filter(id=OuterRef(f"{account}__owner_id")).values("handle")[:1])

        owners = {"debtor_handle": handle_of("debit_account"), "creditor_handle": handle_of("credit_account")}
        found: QuerySet[Any] = super().get_queryset(request).select_related("debit_account", "credit_account")
        return found.annotate(**owners)  # type: ignore[no-any-return]

    def label(self, record: Transfer) -> str:
        return identifiers.show("tra", record.id)

    def search(self, term: str) -> Q:
        for prefix, columns in self.named_by.items():
            named = search.by_id(prefix, term, *columns)
            if named is not None:
                return named
        owners = search.by_party(term, "owner_id", parties=Party.objects.all())
        accounts = list(Account.objects.filter(owners).values_list("id", flat=True))
        return search.by_amount(term) | Q(debit_account_id__in=accounts) | Q(credit_account_id__in=accounts)

    def tables(self, record: Transfer) -> list[Table]:
        lines = Entry.objects.filter(transfer_id=record.id).select_related("account").order_by("amount_minor")
        return [
            Table(
                "Lines",
                ["Account", "Line", "Amount", "Balance after"],
                [
                    [
                        show.public_id("acc", line.account_id),
                        str(line.sequence),
                        show.amount(line.amount_minor, record.currency),
                        show.amount(line.balance_after_minor, record.currency),
                    ]
                    for line in lines
                ],
            )
        ]

    @admin.display(description="ID")
    def public_id(self, transfer: Transfer) -> SafeString:
        return show.public_id("tra", transfer.id)

    @admin.display(description="booked (UTC)")
    def booked(self, transfer: Transfer) -> str:
        return show.moment(transfer.booked_at)

    @admin.display(description="effective (UTC)")
    def effective(self, transfer: Transfer) -> str:
        return show.moment(transfer.effective_at)

    @admin.display(description="from")
    def debtor(self, transfer: Any) -> str:
        return transfer.debtor_handle or str(transfer.debit_account.kind)

    @admin.display(description="to")
    def creditor(self, transfer: Any) -> str:
        return transfer.creditor_handle or str(transfer.credit_account.kind)

    @admin.display(description="amount")
    def money(self, transfer: Transfer) -> SafeString:
        return show.amount(transfer.amount_minor, transfer.currency)

    @admin.display(description="for")
    def purpose(self, transfer: Transfer) -> SafeString:
        return show.subject(transfer.subject_kind, transfer.subject_id)

    @admin.display(description="event")
    def event(self, transfer: Transfer) -> SafeString:
        return show.code(str(transfer.event_id))


@admin.register(TreasuryMove)
class TreasuryMoveAdmin(ReadOnlyAdmin):
    """Money that operators let in and out."""

    name = "Treasury moves"
    needs = StaffPermission.MONEY_READ
    list_display = ("public_id", "made", "direction", "party_link", "money", "operator")
    list_filter = (DirectionFilter, CurrencyFilter, SinceFilter)
    list_select_related = ("party",)
    fields = ("public_id", "direction", "money", "party_link", "reason", "operator", "made")
    search_help_text = "trs_…, handle, or amount like 12.50 EUR"
    time_field = "created_at"

    def label(self, record: TreasuryMove) -> str:
        return identifiers.show("trs", record.id)

    def search(self, term: str) -> Q:
        parties = Party.objects.all()
        return search.by_id("trs", term) or (
            search.by_amount(term) | search.by_party(term, "party_id", parties=parties)
        )

    def tables(self, record: TreasuryMove) -> list[Table]:
        return [related.transfers(record.id)]

    @admin.display(description="ID")
    def public_id(self, move: TreasuryMove) -> SafeString:
        return show.public_id("trs", move.id)

    @admin.display(description="time (UTC)")
    def made(self, move: TreasuryMove) -> str:
        return show.moment(move.created_at)

    @admin.display(description="party")
    def party_link(self, move: TreasuryMove) -> SafeString:
        return show.record(move.party, move.party.handle)

    @admin.display(description="amount")
    def money(self, move: TreasuryMove) -> SafeString:
        return show.amount(move.amount_minor, move.currency)
