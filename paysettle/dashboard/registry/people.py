"""People and parties."""

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString

from paysettle.dashboard import search, show
from paysettle.dashboard.filters import (
    ActiveFilter,
    KindFilter,
    SinceFilter,
    StaffFilter,
    StateFilter,
)
from paysettle.dashboard.registry import related
from paysettle.dashboard.show import Table
from paysettle.dashboard.standing import PARTY, PERSON, StandingAdmin
from paysettle.identity import queries as identity
from paysettle.identity.models import Party, PartyState, User


@admin.register(User)
class PersonAdmin(StandingAdmin):
    """People who sign in."""

    name = "People"
    changes = PERSON
    list_display = ("handle", "email", "standing", "role", "joined", "last_seen")
    list_filter = (ActiveFilter, StaffFilter, SinceFilter)
    fields = ("handle", "public_id", "email", "standing", "role", "joined", "last_seen")
    search_help_text = "Handle, e-mail address or usr_…"
    time_field = "date_joined"

    def label(self, record: User) -> str:
        return record.username

    def search(self, term: str) -> Q:
        if "@" in term:
            return Q(emailaddress__email=term.lower())
        handles = Q(username__istartswith=term)
        return search.by_id("usr", term) or handles

    def is_active(self, record: User) -> bool:
        return record.is_active

    def tables(self, record: User) -> list[Table]:
        return [
            Table(
                "Acts for",
                ["Party", "Kind", "Role", "State"],
                [
                    [show.record(m.party, m.party.handle), m.party.kind, m.role, show.state(m.party.state)]
                    for m in identity.memberships_of(record.id)
                ],
            ),
            related.wallets(record.own_party_id),
            related.live_sessions(record),
            related.admin_actions(record.id),
        ]

    @admin.display(description="handle")
    def handle(self, person: User) -> str:
        return person.username

    @admin.display(description="ID")
    def public_id(self, person: User) -> SafeString:
        return show.public_id("usr", person.id)

    @admin.display(description="state")
    def standing(self, person: User) -> SafeString:
        return show.state("active" if person.is_active else "disabled")

    @admin.display(description="role")
    def role(self, person: User) -> str:
        return "staff" if person.is_staff else show.NONE

    @admin.display(description="joined")
    def joined(self, person: User) -> str:
        return show.moment(person.date_joined)

    @admin.display(description="last sign-in")
    def last_seen(self, person: User) -> str:
        return show.moment(person.last_login)


@admin.register(Party)
class PartyAdmin(StandingAdmin):
    """Those who pay, owe and are paid."""

    name = "Parties"
    changes = PARTY
    list_display = ("handle", "kind", "standing", "made")
    list_filter = (StateFilter, KindFilter, SinceFilter)
    fields = ("handle", "public_id", "kind", "standing", "made")
    search_help_text = "Handle or par_…"
    time_field = "created_at"

    def label(self, record: Party) -> str:
        return record.handle

    def search(self, term: str) -> Q:
        return search.by_party(term, "id", parties=Party.objects.all())

    def is_active(self, record: Party) -> bool:
        return record.state == PartyState.ACTIVE

    def tables(self, record: Party) -> list[Table]:
        members = record.memberships.select_related("user").order_by("id")[: related.SHOWN_MAX]
        return [
            related.wallets(record.id),
            Table(
                "People who act for it",
                ["Person", "Role", "State", "Since"],
                [
                    [
                        show.record(m.user, m.user.username),
                        m.role,
                        show.state("active" if m.user.is_active else "disabled"),
                        show.moment(m.created_at),
                    ]
                    for m in members
                ],
            ),
            related.admin_actions(record.id),
        ]

    @admin.display(description="ID")
    def public_id(self, party: Party) -> SafeString:
        return show.public_id("par", party.id)

    @admin.display(description="state")
    def standing(self, party: Party) -> SafeString:
        return show.state(party.state)

    @admin.display(description="since")
    def made(self, party: Party) -> str:
        return show.moment(party.created_at)
