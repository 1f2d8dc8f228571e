"""Settlements, with their legs and their history."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from paysettle.dashboard import search, show
from paysettle.dashboard.filters import (
    SinceFilter,
    StateFilter,
)
from paysettle.dashboard.read_only import ReadOnlyAdmin
from paysettle.dashboard.registry import related
from paysettle.dashboard.registry.money import CurrencyFilter
from paysettle.dashboard.show import Table
from paysettle.identity.models import Party
from paysettle.identity.roles import StaffPermission
from paysettle.kernel import identifiers
from paysettle.settlements.models import Settlement, SettlementLeg


class LegCurrencyFilter(CurrencyFilter):
    """With a leg in this currency."""

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":  # noqa: ARG002
        legs = SettlementLeg.objects.filter(currency=self.value())
        return queryset.filter(id__in=legs.values("settlement_id")) if self.value() else queryset


@admin.register(Settlement)
class SettlementAdmin(ReadOnlyAdmin):
    """What parties agree on, with the whole negotiation."""

    name = "Settlements"
    needs = StaffPermission.MONEY_READ
    list_display = ("public_id", "made", "asker_link", "terms", "standing", "changed")
    list_filter = (StateFilter, LegCurrencyFilter, SinceFilter)
    list_select_related = ("asker",)
    fields = ("public_id", "standing", "asker_link", "version", "made", "changed")
    search_help_text = "set_…, handle, or amount like 12.50 EUR"
    time_field = "created_at"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        found: QuerySet[Any] = super().get_queryset(request).prefetch_related("legs__debtor", "legs__creditor")
        return found

    def label(self, record: Settlement) -> str:
        return identifiers.show("set", record.id)

    def search(self, term: str) -> Q:
        wanted = search.by_id("set", term)
        if wanted is not None:
            return wanted
        parties = Party.objects.all()
        legs = SettlementLeg.objects.filter(
            search.by_amount(term) | search.by_party(term, "debtor_id", "creditor_id", parties=parties)
        )
        return Q(id__in=legs.values("settlement_id"))

    def tables(self, record: Settlement) -> list[Table]:
        legs = record.legs.select_related("debtor", "creditor").order_by("id")
        moves = list(record.moves.select_related("party").order_by("version"))
        actors = related.actors_by_id(identifiers.show("usr", move.user_id) for move in moves)
        return [
            Table(
                "Legs",
                ["Owes", "Is owed", "Amount"],
                [
                    [
                        show.record(leg.debtor, leg.debtor.handle),
                        show.record(leg.creditor, leg.creditor.handle),
                        show.amount(leg.amount_minor, leg.currency),
                    ]
                    for leg in legs
                ],
            ),
            Table(
                "History",
                ["Version", "Time (UTC)", "Move", "Party", "By", "Reason"],
                [
                    [
                        str(move.version),
                        show.moment(move.at),
                        show.state(move.what),
                        show.record(move.party, move.party.handle),
                        actors[identifiers.show("usr", move.user_id)],
                        move.reason or show.NONE,
                    ]
                    for move in moves
                ],
            ),
            related.transfers(record.id),
        ]

    @admin.display(description="ID")
    def public_id(self, settlement: Settlement) -> SafeString:
        return show.public_id("set", settlement.id)

    @admin.display(description="asked by")
    def asker_link(self, settlement: Settlement) -> SafeString:
        return show.record(settlement.asker, settlement.asker.handle)

    @admin.display(description="amount")
    def terms(self, settlement: Settlement) -> SafeString | str:
        legs = list(settlement.legs.all())
        return show.amount(legs[0].amount_minor, legs[0].currency) if len(legs) == 1 else f"{len(legs)} legs"

    @admin.display(description="state")
    def standing(self, settlement: Settlement) -> SafeString:
        return show.state(settlement.state)

    @admin.display(description="asked (UTC)")
    def made(self, settlement: Settlement) -> str:
        return show.moment(settlement.created_at)

    @admin.display(description="changed (UTC)")
    def changed(self, settlement: Settlement) -> str:
        return show.moment(settlement.changed_at)
