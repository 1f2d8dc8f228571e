"""What happened and who asked for whom: for those who look into what others do."""

import json
from uuid import UUID

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString

from paysettle.dashboard import search, show
from paysettle.dashboard.filters import KindFilter, SinceFilter
from paysettle.dashboard.read_only import ReadOnlyAdmin
from paysettle.dashboard.registry import related
from paysettle.events.models import Event
from paysettle.identity.models import LookUp, User
from paysettle.identity.roles import StaffPermission

POSITION_DIGITS_MAX = 18


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """The event log: everything that happened, in the order in which it was committed."""

    name = "Events"
    needs = StaffPermission.AUDIT_READ
    list_display = ("position", "recorded", "type", "stream_id", "actor_name", "party_id")
    list_filter = (SinceFilter,)
    ordering = ("-position",)
    fields = (
        "position",
        "event_uuid",
        "recorded",
        "type",
        "stream_id",
        "stream_version",
        "actor_link",
        "party_id",
        "request_code",
        "content",
    )
    search_help_text = "Position, the id of the event, or of what it is about (pay_…, set_…, usr_…)"
    time_field = "recorded_at"
    id_field = "event_id"

    def label(self, record: Event) -> str:
        return f"Event {record.position}"

    def search(self, term: str) -> Q:
        if term.isascii() and term.isdigit():
            return Q(position=int(term)) if len(term) <= POSITION_DIGITS_MAX else search.NOTHING
        try:
            return Q(event_id=UUID(term))
        except ValueError:
            return Q(stream=term)

    @admin.display(description="event ID")
    def event_uuid(self, event: Event) -> SafeString:
        return show.code(str(event.event_id))

    @admin.display(description="recorded (UTC)")
    def recorded(self, event: Event) -> str:
        return show.moment(event.recorded_at)

    @admin.display(description="about")
    def stream_id(self, event: Event) -> SafeString:
        return show.code(event.stream)

    @admin.display(description="by")
    def actor_name(self, event: Event) -> SafeString:
        return show.code(event.actor)

    @admin.display(description="by")
    def actor_link(self, event: Event) -> str:
        return related.actor(event.actor)

    @admin.display(description="acting for")
    def party_id(self, event: Event) -> SafeString:
        return show.code(event.party)

    @admin.display(description="request")
    def request_code(self, event: Event) -> SafeString:
        return show.code(event.request_id)

    @admin.display(description="data")
    def content(self, event: Event) -> SafeString:
        return show.text(json.dumps(json.loads(event.data), indent=2, ensure_ascii=False))


@admin.register(LookUp)
class LookUpAdmin(ReadOnlyAdmin):
    """Who looked for whom: not what was asked, but its digest, which is the same for the same question."""

    name = "Look-ups"
    needs = StaffPermission.AUDIT_READ
    list_display = ("asked_at", "person_link", "party_link", "kind", "answered", "digest")
    list_filter = (KindFilter, SinceFilter)
    list_select_related = ("user", "party")
    fields = ("asked_at", "person_link", "party_link", "kind", "answered", "digest")
    search_help_text = "usr_…, or the handle of a person"
    time_field = "created_at"

    def label(self, record: LookUp) -> str:
        return str(record)

    def search(self, term: str) -> Q:
        people = User.objects.filter(username=term.lower()).values_list("id", flat=True)
        return search.by_id("usr", term, "user_id") or Q(user_id__in=list(people))

    @admin.display(description="time (UTC)")
    def asked_at(self, look_up: LookUp) -> str:
        return show.moment(look_up.created_at)

    @admin.display(description="person")
    def person_link(self, look_up: LookUp) -> SafeString:
        return show.record(look_up.user, look_up.user.username)

    @admin.display(description="acting for")
    def party_link(self, look_up: LookUp) -> SafeString:
        return show.record(look_up.party, look_up.party.handle)

    @admin.display(description="answer")
    def answered(self, look_up: LookUp) -> SafeString:
        return show.state("found" if look_up.found else "nothing")

    @admin.display(description="asked (digest)")
    def digest(self, look_up: LookUp) -> SafeString:
        return show.code(bytes(look_up.asked).hex()[:16])
