"""The wallets of parties: what is in them, and whether their money may move."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString

from paysettle.dashboard import search, show
from paysettle.dashboard.filters import StateFilter
from paysettle.dashboard.registry import related
from paysettle.dashboard.registry.money import CurrencyFilter
from paysettle.dashboard.show import Table
from paysettle.dashboard.standing import WALLET, StandingAdmin
from paysettle.identity.models import Party
from paysettle.identity.roles import StaffPermission
from paysettle.kernel import identifiers
from paysettle.ledger.chart import WALLET as WALLETS
from paysettle.ledger.chart import AccountState
from paysettle.ledger.models import Account


@admin.register(Account)
class WalletAdmin(StandingAdmin):
    """The wallets of parties; the system's own accounts are on the overview."""

    name = "Wallets"
    needs = StaffPermission.MONEY_READ
    changes = WALLET
    list_display = ("public_id", "owner", "booked", "held", "standing", "moved")
    list_filter = (StateFilter, CurrencyFilter)
    fields = ("public_id", "owner", "booked", "held", "standing", "moved")
    search_help_text = "acc_… or handle"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Bring the handles of the owners along."""
        handle = Subquery(Party.objects.filter(id=OuterRef("owner_id")).values("handle")[:1])
        found: QuerySet[Any] = super().get_queryset(request).filter(kind=WALLETS.code)
        return found.annotate(owner_handle=handle)  # type: ignore[no-any-return]

    def label(self, record: Account) -> str:
        return identifiers.show("acc", record.id)

    def search(self, term: str) -> Q:
        return search.by_id("acc", term) or search.by_party(term, "owner_id", parties=Party.objects.all())

    def is_active(self, record: Account) -> bool:
        return record.state == AccountState.OPEN

    def is_over(self, record: Account) -> bool:
        return record.state == AccountState.CLOSED

    def tables(self, record: Account) -> list[Table]:
        return [related.lines(record), related.admin_actions(record.id)]

    @admin.display(description="ID")
    def public_id(self, account: Account) -> SafeString:
        return show.public_id("acc", account.id)

    @admin.display(description="owner")
    def owner(self, account: Any) -> SafeString:
        return show.record(Party(id=account.owner_id), account.owner_handle)

    @admin.display(description="balance")
    def booked(self, account: Account) -> SafeString:
        return show.amount(account.balance_minor, account.currency)

    @admin.display(description="on hold")
    def held(self, account: Account) -> SafeString:
        return show.amount(account.held_minor, account.currency)

    @admin.display(description="state")
    def standing(self, account: Account) -> SafeString:
        return show.state(account.state)

    @admin.display(description="last moved (UTC)")
    def moved(self, account: Account) -> str:
        return show.moment(account.last_booked_at)
