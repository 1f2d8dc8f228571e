"""People, parties, organisations and their members."""

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString

from paysettle.dashboard import search, show
from paysettle.dashboard.filters import (
    ActiveFilter,
    KindFilter,
    RoleFilter,
    SinceFilter,
    StaffFilter,
    StateFilter,
)
from paysettle.dashboard.read_only import ReadOnlyAdmin
from paysettle.dashboard.registry import related
from paysettle.dashboard.show import Table
from paysettle.dashboard.staff_role import StaffRoleAdmin
from paysettle.dashboard.standing import PARTY, PERSON, StandingAdmin
from paysettle.identity import personal
from paysettle.identity import queries as identity
from paysettle.identity.models import Membership, Organisation, Party, PartyState, User
from paysettle.identity.roles import StaffPermission
from paysettle.kernel import identifiers


@admin.register(User)
class PersonAdmin(StaffRoleAdmin):
    """People who sign in."""

    name = "People"
    needs = StaffPermission.PEOPLE_READ
    changes = PERSON
    list_display = ("handle", "address", "standing", "role", "joined", "last_seen")
    list_filter = (ActiveFilter, StaffFilter, SinceFilter)
    fields = ("handle", "public_id", "address", "standing", "role", "joined", "last_seen")
    search_help_text = "Handle, e-mail address or usr_…"
    time_field = "date_joined"

    def label(self, record: User) -> str:
        return record.username

    def search(self, term: str) -> Q:
        if "@" in term:
            return personal.has_email(term)
        handles = Q(username__istartswith=term)
        return search.by_id("usr", term) or handles

    def is_active(self, record: User) -> bool:
        return record.is_active

    def is_over(self, record: User) -> bool:
        return record.own_party.state == PartyState.CLOSED

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

    @admin.display(description="e-mail address")
    def address(self, person: User) -> str:
        return personal.email_of(person)

    @admin.display(description="ID")
    def public_id(self, person: User) -> SafeString:
        return show.public_id("usr", person.id)

    @admin.display(description="state")
    def standing(self, person: User) -> SafeString:
        return show.state("active" if person.is_active else "disabled")

    @admin.display(description="staff role")
    def role(self, person: User) -> str:
        return person.get_staff_role_display() or show.NONE

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
    needs = StaffPermission.PEOPLE_READ
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

    def is_over(self, record: Party) -> bool:
        return record.state in {PartyState.CLOSED, PartyState.PENDING}

    def tables(self, record: Party) -> list[Table]:
        return [
            related.wallets(record.id),
            related.members(record.id),
            related.limits(record.id),
            related.approval_rules(record.id),
            related.api_keys(record.id),
            related.contacts(record.id),
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


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin):
    """What registers say of the parties that are organisations."""

    name = "Organisations"
    needs = StaffPermission.PEOPLE_READ
    list_display = ("handle", "legal_name_text", "country_code", "standing", "made")
    list_filter = ()
    list_select_related = ("party",)
    ordering = ("-party_id",)
    fields = ("handle", "public_id", "legal_name_text", "country_code", "number", "standing", "made", "party_link")
    search_help_text = "Handle, par_… or the beginning of the legal name"

    def label(self, record: Organisation) -> str:
        return record.party.handle

    def search(self, term: str) -> Q:
        return search.by_party(term, "party_id", parties=Party.objects.all()) | personal.has_legal_name_like(term)

    def tables(self, record: Organisation) -> list[Table]:
        return [related.members(record.party_id), related.invitations(record.party_id)]

    @admin.display(description="handle")
    def handle(self, organisation: Organisation) -> str:
        return organisation.party.handle

    @admin.display(description="ID")
    def public_id(self, organisation: Organisation) -> SafeString:
        return show.public_id("par", organisation.party_id)

    @admin.display(description="legal name")
    def legal_name_text(self, organisation: Organisation) -> str:
        return personal.registration(organisation).legal_name

    @admin.display(description="country")
    def country_code(self, organisation: Organisation) -> str:
        return personal.registration(organisation).country

    @admin.display(description="registration number")
    def number(self, organisation: Organisation) -> str:
        return personal.registration(organisation).registration_number or show.NONE

    @admin.display(description="state")
    def standing(self, organisation: Organisation) -> SafeString:
        return show.state(organisation.party.state)

    @admin.display(description="since")
    def made(self, organisation: Organisation) -> str:
        return show.moment(organisation.party.created_at)

    @admin.display(description="party")
    def party_link(self, organisation: Organisation) -> SafeString:
        return show.record(organisation.party, organisation.party.handle)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Who may act for whom, and as what."""

    name = "Memberships"
    needs = StaffPermission.PEOPLE_READ
    list_display = ("public_id", "person_link", "party_link", "role", "since")
    list_filter = (RoleFilter, SinceFilter)
    list_select_related = ("user", "party")
    fields = ("public_id", "person_link", "party_link", "role", "since")
    search_help_text = "mem_…, usr_…, or the handle of a person or party"
    time_field = "created_at"

    def label(self, record: Membership) -> str:
        return identifiers.show("mem", record.id)

    def search(self, term: str) -> Q:
        named = search.by_id("mem", term) or search.by_id("usr", term, "user_id")
        if named is not None:
            return named
        people = User.objects.filter(username=term.lower()).values_list("id", flat=True)
        return Q(user_id__in=list(people)) | search.by_party(term, "party_id", parties=Party.objects.all())

    @admin.display(description="ID")
    def public_id(self, membership: Membership) -> SafeString:
        return show.public_id("mem", membership.id)

    @admin.display(description="person")
    def person_link(self, membership: Membership) -> SafeString:
        return show.record(membership.user, membership.user.username)

    @admin.display(description="acts for")
    def party_link(self, membership: Membership) -> SafeString:
        return show.record(membership.party, membership.party.handle)

    @admin.display(description="since (UTC)")
    def since(self, membership: Membership) -> str:
        return show.moment(membership.created_at)
