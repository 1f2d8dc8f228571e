"""Making an organisation, and who sees it."""

import json

import pytest

from paysettle.events.models import Event
from paysettle.identity import authentication, personal, standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import Organisation, Party, User
from paysettle.identity.operations import organisations, registration
from paysettle.identity.operations.handles import HandleInvalid, HandleReserved, HandleTaken
from paysettle.identity.personal import Registration
from paysettle.identity.roles import Permission, Role
from paysettle.identity.tests.app_client import at_once
from paysettle.kernel import identifiers
from tests.companies import company, new_handle, send
from tests.money import balance, books_are_right
from tests.people import deposit, pay, person

SAID = Registration(legal_name="Padaria Central, Lda.", country="PT", registration_number="PT 501 234")
PATH = "/api/v1/organisations"


def test_it_works() -> None:
    olga = person("olga")
    body = {"handle": new_handle().upper(), "legal_name": " Padaria Central, Lda. ", "country": "PT"}
    reply = send(olga, "POST", PATH, body)
    made = reply.document
    assert (reply.status, made["handle"], made["role"], made["state"]) == (
        201,
        body["handle"].lower(),
        "owner",
        "active",
    )
    assert (made["legal_name"], made["country"], made["registration_number"]) == ("Padaria Central, Lda.", "PT", "")
    assert send(olga, "GET", f"{PATH}/{made['id']}").document == made
    assert send(olga, "GET", PATH).document["data"] == [made]
    mine = send(olga, "GET", "/api/v1/me").document["parties"]
    assert [(party["id"], party["role"]) for party in mine] == [(olga.party, "owner"), (made["id"], "owner")]


@pytest.mark.money
def test_it_pays_and_is_paid_and_every_event_names_person_and_party() -> None:
    olga, ben = person("olga"), person("ben")
    firm = company(olga)
    acting = firm.acted_for_by(olga)
    deposit(acting, 1_000)
    order = {"payee": ben.handle, "amount": {"amount": 300, "currency": "EUR"}}
    paid = send(acting, "POST", "/api/v1/payments", order)
    assert paid.document["payer"] == {"id": firm.id, "handle": firm.party.handle}
    pay(ben, acting, 100)
    assert (balance(acting), balance(olga), balance(ben)) == (800, 0, 200)
    event = Event.objects.get(stream=paid.document["id"])
    assert (event.actor, event.party) == (olga.caller.actor, firm.id)
    books_are_right(acting, ben)


def test_its_events_hold_ids_alone() -> None:
    olga = person("olga")
    firm = company(olga)
    told = list(Event.objects.filter(stream=firm.id).order_by("stream_version"))
    assert [(event.type, event.stream_version) for event in told] == [
        ("paysettle.party.opened.v1", 1),
        ("paysettle.organisation.created.v1", 2),
    ]
    assert json.loads(told[1].data) == {"owner": olga.caller.actor}
    assert {(event.actor, event.party) for event in told} == {(olga.caller.actor, firm.id)}
    assert Party.objects.get(id=firm.party.id).version == 2
    assert not Event.objects.filter(data__contains="Padaria").exists()


def test_people_and_organisations_share_their_handles_for_ever() -> None:
    olga = person("olga")
    firm = company(olga)
    for taken in (firm.party.handle, olga.handle):
        with pytest.raises(HandleTaken):
            organisations.create(by=olga.caller, handle=taken, registration=SAID)
    with pytest.raises(HandleTaken):
        registration.register(handle=firm.party.handle, email="firm@example.org", password="p" * 20)
    assert not User.objects.filter(username=firm.party.handle).exists()


@pytest.mark.parametrize(
    ("handle", "refusal"),
    [
        ("Padaria", HandleInvalid),
        ("pàdaria", HandleInvalid),
        ("\u0440\u0430daria", HandleInvalid),  # the first two letters are Cyrillic
        ("pa daria", HandleInvalid),
        ("ab", HandleInvalid),
        ("par_" + "0" * 26, HandleInvalid),
        ("support", HandleReserved),
    ],
)
def test_what_is_no_handle(handle: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        organisations.create(by=person("olga").caller, handle=handle, registration=SAID)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"country": "pt"}, "unknown_country"),
        ({"country": "XX"}, "unknown_country"),
        ({"country": "PRT"}, "too_long"),
        ({"country": None}, "required"),
        ({"legal_name": ""}, "empty"),
        ({"legal_name": "x" * 201}, "too_long"),
        ({"legal_name": "a\u202eb"}, "not_printable"),
        ({"registration_number": "1" * 65}, "too_long"),
        ({"state": "active"}, "unknown_field"),
        ({"kind": "person"}, "unknown_field"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, object], code: str) -> None:
    handle = new_handle()
    reply = send(person("olga"), "POST", PATH, {"handle": handle, "legal_name": "Firm", "country": "PT", **changed})
    assert (reply.status, [error["code"] for error in reply.document["errors"]]) == (422, [code])
    assert not Party.objects.filter(handle=handle).exists()


def test_of_two_who_want_a_handle_one_gets_it_and_the_other_leaves_nothing() -> None:
    olga, ben, handle = person("olga"), person("ben"), new_handle()

    def make(by: object) -> str:
        try:
            organisations.create(by=by.caller, handle=handle, registration=SAID)  # type: ignore[attr-defined]
        except HandleTaken:
            return "taken"
        return "made"

    assert sorted(at_once(lambda: make(olga), lambda: make(ben))) == ["made", "taken"]
    assert Party.objects.filter(handle=handle).count() == 1
    assert Organisation.objects.filter(party__handle=handle).count() == 1


def test_a_foreign_organisation_and_none_answer_alike() -> None:
    firm, eve = company(person("olga")), person("eve")
    absent = send(eve, "GET", f"{PATH}/par_06f00000000000000000000000")
    for path in (firm.path, f"{firm.path}/members", f"{PATH}/nonsense", f"{PATH}/{person('ben').party}"):
        reply = send(eve, "GET", path)
        assert (reply.status, reply.document["code"]) == (404, "not_found")
        assert reply.document.keys() == absent.document.keys()
    assert send(eve, "GET", PATH).document["data"] == []


def test_control_without_that_care_a_foreign_one_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: whoever does not belong to it is told so, and thereby that it exists."""

    def as_it_is(caller: Caller, named: str, needed: Permission | None, **_: bool) -> Caller:
        acting = caller.acting_for(identifiers.parse("par", named))
        standing.check(acting, needed)
        return acting

    monkeypatch.setattr(authentication, "_for_organisation", as_it_is)
    firm, eve = company(person("olga")), person("eve")
    assert send(eve, "GET", firm.path).status == 403


def test_a_person_is_no_organisation() -> None:
    ana = person("ana")
    for method, rest in (("GET", ""), ("GET", "/members"), ("POST", "/leave")):
        reply = send(ana, method, f"{PATH}/{ana.party}{rest}")
        assert (reply.status, reply.document["code"]) == (404, "not_found")
    assert send(ana, "GET", "/api/v1/me").status == 200


def test_what_the_register_says_goes_through_one_module() -> None:
    firm = company(person("olga"))
    assert personal.registrations([firm.party.id]) == {firm.party.id: SAID}
    assert Organisation.objects.get(personal.has_legal_name_like("padaria"), party=firm.party).country == "PT"


def test_owners_change_what_the_register_says_and_the_event_does_not_hold_it() -> None:
    olga, paul = person("olga"), person("paul")
    firm = company(olga)
    owner, admin = firm.acted_for_by(olga), firm.join(paul, Role.ADMIN)
    path = f"{firm.path}/registration"
    body = {"legal_name": "Canary & Filhos, S.A.", "country": "ES", "registration_number": "ES 7"}
    assert send(admin, "POST", path, body).document["code"] == "not_permitted"
    changed = send(owner, "POST", path, body)
    assert (changed.status, changed.document) == (200, send(olga, "GET", firm.path).document)
    assert {name: changed.document[name] for name in body} == body
    assert send(owner, "POST", path, body).status == 200  # as it is already: nothing to tell
    told = Event.objects.filter(stream=firm.id).order_by("stream_version")
    assert [event.type.split(".")[2] for event in told] == ["opened", "created", "registration_changed"]
    assert json.loads(told[2].data) == {}
    assert send(owner, "POST", path, {"legal_name": "Canary", "country": "PT"}).document["registration_number"] == ""


@pytest.mark.parametrize("body", [{}, {"legal_name": "", "country": "PT"}, {"legal_name": "Firm", "country": "pt"}])
def test_a_register_that_says_nonsense_changes_nothing(body: dict[str, str]) -> None:
    olga = person("olga")
    firm = company(olga)
    before = send(olga, "GET", firm.path).document
    assert send(olga, "POST", f"{firm.path}/registration", body).status == 422
    assert send(olga, "GET", firm.path).document == before
