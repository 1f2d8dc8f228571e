"""Finding and verifying a payee: who is found and who is not, how often one may ask, and what is kept of it.

X11: somebody unknown, somebody who does not want to be found, and somebody who keeps the caller away answer alike, by
text, by status and by time.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from paysettle.events.models import Event
from paysettle.identity import addresses, documents
from paysettle.identity.caller import Caller
from paysettle.identity.models import LookUp, Party
from paysettle.identity.operations import contacts, look_ups, parties, payees, profiles
from paysettle.identity.operations.look_ups import LookUpsLimited
from paysettle.identity.tests.app_client import at_once
from paysettle.kernel import identifiers, jobs, transactions
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.identifiers import SYSTEM
from tests import timing
from tests.companies import company, send
from tests.people import Person, person
from tests.server import Reply

pytestmark = pytest.mark.shared

FIND, VERIFY, PROFILE = "/api/v1/payees/find", "/api/v1/payees/verify", "/api/v1/me/profile"
OPERATOR = Caller(party_id=SYSTEM, operator="tests")
NAME = "Ana Sofia Canary-Silva"


def findable(name: str) -> Person:
    """Make somebody who lets others find them by e-mail."""
    somebody = person(name)
    profiles.change(by=somebody.caller, findable_by_email=True)
    return somebody


def keep_away(owner: Person, other: Person) -> None:
    """Let somebody block another."""
    contact = contacts.keep(by=owner.caller, reference=other.handle, name="")
    contacts.block(by=owner.caller, contact_id=contact.id)


def shown(reply: Reply) -> tuple[int, dict[str, Any]]:
    """Return what an outsider can compare of an answer."""
    document = {name: value for name, value in reply.document.items() if name not in {"request_id", "instance"}}
    return reply.status, document


def test_by_exact_handle() -> None:
    ana, olga = person("ana"), person("olga")
    firm = company(olga)
    for found in (Party.objects.get(id=ana.party_id), firm.party):
        reply = send(person("eve"), "POST", FIND, {"handle": found.handle})
        expected = {"id": identifiers.show("par", found.id), "handle": found.handle, "kind": found.kind}
        assert (reply.status, reply.document) == (200, expected)


@pytest.mark.parametrize(
    "change", [str.upper, lambda handle: handle[:-1], lambda handle: handle + "x", lambda h: f"{h} x"]
)
def test_another_handle_finds_nobody(change: Callable[[str], str]) -> None:
    ana = person("ana")
    assert send(person("eve"), "POST", FIND, {"handle": change(ana.handle)}).status == 404


def test_by_exact_address_if_that_person_allows_it() -> None:
    ana, eve = person("ana"), person("eve")
    assert send(eve, "POST", FIND, {"email": ana.email}).status == 404
    assert send(ana, "GET", PROFILE).document == {"name": "", "findable_by_email": False}
    assert send(ana, "POST", PROFILE, {"findable_by_email": True}).document["findable_by_email"] is True
    found = send(eve, "POST", FIND, {"email": ana.email.upper()})
    assert (found.status, found.document["handle"]) == (200, ana.handle)
    assert ana.email not in found.text
    send(ana, "POST", PROFILE, {"findable_by_email": False})
    assert send(eve, "POST", FIND, {"email": ana.email}).status == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "one_of_two"),
        ({"handle": "ana", "email": "ana@example.org"}, "one_of_two"),
        ({"email": "ana"}, "not_an_address"),
        ({"handle": "a" * 41}, "too_long"),
        ({"handle": 7}, "not_a_text"),
        ({"name": "Ana"}, "unknown_field"),
    ],
)
def test_what_is_wrong_is_named_and_is_no_look_up(body: dict[str, Any], code: str) -> None:
    eve = person("eve")
    reply = send(eve, "POST", FIND, body)
    assert reply.status == 422
    assert code in {error["code"] for error in reply.document["errors"]}
    assert not LookUp.objects.filter(user=eve.user).exists()


def nobody(_eve: Person) -> dict[str, str]:
    return {"email": f"nobody-{secrets.token_hex(4)}@example.org"}


def unwilling(_eve: Person) -> dict[str, str]:
    return {"email": person("ana").email}


def keeping_away(eve: Person) -> dict[str, str]:
    ana = findable("ana")
    keep_away(ana, eve)
    return {"email": ana.email}


def disabled(_eve: Person) -> dict[str, str]:
    ana = findable("ana")
    parties.disable(by=OPERATOR, party_id=ana.party_id, reason="a test")
    return {"email": ana.email}


def nobodys_handle(_eve: Person) -> dict[str, str]:
    return {"handle": f"nobody-{secrets.token_hex(4)}"}


def handle_keeping_away(eve: Person) -> dict[str, str]:
    ana = person("ana")
    keep_away(ana, eve)
    return {"handle": ana.handle}


NOT_FOUND = [nobody, unwilling, keeping_away, disabled, nobodys_handle, handle_keeping_away]


def test_all_who_are_not_found_answer_alike() -> None:
    eve = person("eve")
    answers = [shown(send(eve, "POST", FIND, ask(eve))) for ask in NOT_FOUND]
    assert [status for status, _ in answers] == [404] * len(NOT_FOUND)
    assert all(answer == answers[0] for answer in answers)


def test_verifying_answers_alike_too() -> None:
    eve, ana = person("eve"), person("ana")
    keep_away(ana, eve)
    names = [ana.handle, ana.party, f"nobody-{secrets.token_hex(4)}", "par_06f00000000000000000000000", "ähm"]
    answers = [shown(send(eve, "POST", VERIFY, {"payee": name, "name": NAME})) for name in names]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 404


def questions(ask: Callable[[Person], dict[str, str]]) -> list[str]:
    """Return what the database is asked for a look-up, without the values."""
    eve = person("eve")
    body = ask(eve)
    find: Any = payees.find_by_email if "email" in body else payees.find_by_handle
    with CaptureQueriesContext(connection) as captured, pytest.raises(NotFound):
        find(by=eve.caller, **body)
    return [query["sql"].partition(" WHERE ")[0].partition(" VALUES ")[0] for query in captured.captured_queries]


def test_the_database_is_asked_the_same_for_all_who_are_not_found() -> None:
    by_email = [questions(ask) for ask in NOT_FOUND[:4]]
    by_handle = [questions(ask) for ask in NOT_FOUND[4:]]
    for asked in (by_email, by_handle):
        assert all(one == asked[0] for one in asked)
        assert len(asked[0]) > 5


# Times, at the median.

BOUND_S = 0.002


@pytest.fixture
def _without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ups, "LIMITS", ())


def tells() -> bool:
    """Return whether a look-up of nobody takes a time that one of somebody who keeps the caller away does not.

    In processor time: on SQLite that is all there is but the disk.
    """
    eve, ana = person("eve"), findable("ana")
    keep_away(ana, eve)

    def look_up(email: str) -> None:
        assert send(eve, "POST", FIND, {"email": email}).status == 404

    def pairs() -> Iterator[tuple[timing.Call, timing.Call]]:
        while True:
            yield partial(look_up, f"nobody-{secrets.token_hex(4)}@example.org"), partial(look_up, ana.email)

    return timing.differ(pairs(), by_s=BOUND_S, clock=time.thread_time)


@pytest.mark.usefixtures("_without_end")
def test_it_takes_as_long_for_nobody_as_for_somebody() -> None:
    assert not tells()


@pytest.mark.usefixtures("_without_end")
def test_control_five_milliseconds_for_somebody_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: something is done for those alone who are there."""
    visible = payees._visible

    def slowly(party: Party | None, *, to: Caller) -> Party | None:
        if party is not None:
            timing.work(timing.PLANTED_S)
        return visible(party, to=to)

    monkeypatch.setattr(payees, "_visible", slowly)
    assert tells()


# Verification of payee.


@pytest.mark.parametrize(
    ("expected", "result"),
    [("ana sofia canary silva", "match"), ("Ana Canary Silva", "close_match"), ("Ben Costa", "no_match")],
)
def test_the_name_of_a_person_is_compared_and_never_shown(expected: str, result: str) -> None:
    ana, eve = person("ana"), person("eve")
    send(ana, "POST", PROFILE, {"name": NAME})
    for named in (ana.handle, ana.party):
        reply = send(eve, "POST", VERIFY, {"payee": named, "name": expected})
        assert reply.document == {
            "payee": {"id": ana.party, "handle": ana.handle, "kind": "person"},
            "result": result,
        }
    assert NAME not in reply.text


def test_the_name_of_a_company_is_the_one_in_its_register() -> None:
    firm, eve = company(person("olga")), person("eve")
    answers = [
        send(eve, "POST", VERIFY, {"payee": firm.party.handle, "name": name})
        for name in ("PADARIA CENTRAL", "Padaria Sentral", "Padaria do Porto")
    ]
    assert [reply.document["result"] for reply in answers] == ["match", "close_match", "no_match"]
    assert not any("Padaria" in reply.text for reply in answers)


def test_nothing_can_be_said_of_somebody_who_has_given_no_name() -> None:
    reply = send(person("eve"), "POST", VERIFY, {"payee": person("ana").handle, "name": "Ana"})
    assert (reply.status, reply.document["result"]) == (200, "not_possible")


def test_control_an_answer_with_the_name_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: a close match shows the name."""
    ana = person("ana")
    profiles.change(by=ana.caller, name=NAME)
    monkeypatch.setattr(
        documents, "verification", lambda _found, result: {"payee": {}, "result": result.value, "name": NAME}
    )
    assert NAME in send(person("eve"), "POST", VERIFY, {"payee": ana.handle, "name": "Ana"}).text


# What is kept of it, and how often one may ask.


def test_each_look_up_is_a_row_that_holds_no_name_and_no_address() -> None:
    ana, olga, eve = findable("ana"), person("olga"), person("eve")
    profiles.change(by=ana.caller, name=NAME)
    firm = company(olga)
    acting = firm.acted_for_by(olga)
    send(acting, "POST", FIND, {"email": ana.email})
    send(acting, "POST", FIND, {"handle": "nobody-there"})
    send(acting, "POST", VERIFY, {"payee": ana.handle, "name": NAME})
    send(acting, "POST", "/api/v1/contacts", {"party": eve.handle})
    rows = list(LookUp.objects.filter(user=olga.user).order_by("created_at"))
    assert [(row.kind, row.found, row.party_id) for row in rows] == [
        ("find", True, firm.party.id),
        ("find", False, firm.party.id),
        ("verify", True, firm.party.id),
        ("keep", True, firm.party.id),
    ]
    text = str(list(LookUp.objects.filter(user=olga.user).values()))
    assert not any(said in text for said in (ana.email, ana.handle, NAME, eve.handle))
    assert bytes(rows[0].asked) == addresses.keyed_digest(look_ups._PURPOSE, f"find email {ana.email}")


def outcome(eve: Person) -> str:
    try:
        payees.find_by_handle(by=eve.caller, handle="nobody-there")
    except DomainError as refusal:
        return refusal.code
    return "found"


def test_a_person_may_look_so_often_in_an_hour_whomever_they_act_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ups, "LIMITS", ((timedelta(hours=1), 3), (timedelta(days=1), 5)))
    olga, ana = person("olga"), person("ana")
    acting = company(olga).acted_for_by(olga)
    assert send(olga, "POST", FIND, {"handle": "nobody-there"}).status == 404
    assert send(acting, "POST", VERIFY, {"payee": ana.handle, "name": "Ana"}).status == 200
    assert send(olga, "POST", "/api/v1/contacts", {"party": ana.handle}).status == 201
    for path, body in (
        (FIND, {"handle": ana.handle}),
        (VERIFY, {"payee": ana.handle, "name": "Ana"}),
        ("/api/v1/contacts", {"party": person("ben").handle}),
    ):
        for who in (olga, acting):
            reply = send(who, "POST", path, body)
            assert (reply.status, reply.document["code"]) == (429, LookUpsLimited.code)
            assert 3500 < int(reply.headers["Retry-After"]) <= 3601
    assert send(person("eve"), "POST", FIND, {"handle": ana.handle}).status == 200
    # An hour later two are left of the day.
    mine = LookUp.objects.filter(user=olga.user)
    for row in mine:
        mine.filter(id=row.id).update(created_at=row.created_at - timedelta(hours=1))
    assert [outcome(olga) for _ in range(3)] == ["not_found", "not_found", "lookups_limited"]


@pytest.mark.money
def test_the_limit_holds_when_many_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ups, "LIMITS", ((timedelta(hours=1), 3),))
    for _ in range(3):
        eve = person("eve")
        got = at_once(*[lambda who=eve: outcome(who) for _ in range(8)])
        assert sorted(got) == ["lookups_limited"] * 5 + ["not_found"] * 3
        assert LookUp.objects.filter(user=eve.user).count() == 3


@pytest.mark.money
def test_control_without_the_lock_more_get_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: two count before either writes. On SQLite a transaction is alone anyway."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets one transaction in at a time: nothing can count in between")
    monkeypatch.setattr(look_ups, "LIMITS", ((timedelta(hours=1), 1),))
    monkeypatch.setattr(look_ups, "_lock", lambda _user_id: None)
    check = look_ups._check_pace

    def slowly(user_id: Any, now: Any) -> None:
        check(user_id, now)
        time.sleep(0.3)

    monkeypatch.setattr(look_ups, "_check_pace", slowly)
    eve = person("eve")
    assert at_once(lambda: outcome(eve), lambda: outcome(eve)) == ["not_found", "not_found"]


def test_old_rows_are_forgotten() -> None:
    eve = person("eve")
    for _ in range(2):
        outcome(eve)
    mine = LookUp.objects.filter(user=eve.user).order_by("created_at")
    old = mine[0]
    LookUp.objects.filter(id=old.id).update(created_at=old.created_at - look_ups.KEPT_FOR - timedelta(seconds=1))
    fence = jobs.Fence("test", 0)

    class Open(jobs.Fence):
        def run(self, work: Any) -> Any:
            return transactions.run(work)

    assert look_ups.forget(Open(fence.name, fence.token)) is False
    assert [row.id for row in mine] != [old.id]
    assert mine.count() == 1
    assert look_ups.FORGET_OLD in jobs.registered()


# What a person says of themself.


def test_what_is_left_out_stays_and_no_event_holds_the_name() -> None:
    ana = person("ana")
    send(ana, "POST", PROFILE, {"name": NAME})
    assert send(ana, "POST", PROFILE, {"findable_by_email": True}).document == {"name": NAME, "findable_by_email": True}
    assert send(ana, "POST", PROFILE, {}).document == {"name": NAME, "findable_by_email": True}
    told = Event.objects.filter(stream=ana.caller.actor, type="paysettle.person.profile_changed.v1")
    assert [json.loads(event.data) for event in told.order_by("stream_version")] == [
        {"name_changed": True, "findable_by_email": False},
        {"name_changed": False, "findable_by_email": True},
    ]
    assert send(ana, "POST", PROFILE, {"name": ""}).document["name"] == ""
    assert not Event.objects.filter(data__contains="Canary").exists()


def test_it_is_the_persons_own_whomever_they_act_for() -> None:
    olga = person("olga")
    firm = company(olga)
    send(firm.acted_for_by(olga), "POST", PROFILE, {"name": "Olga"})
    assert send(olga, "GET", PROFILE).document["name"] == "Olga"
    assert send(person("eve"), "GET", PROFILE).document["name"] == ""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x" * 201}, "too_long"),
        ({"name": "a\u202eb"}, "not_printable"),
        ({"name": None}, "required"),
        ({"findable_by_email": "yes"}, "not_a_flag"),
        ({"full_name": "Ana"}, "unknown_field"),
    ],
)
def test_what_is_wrong_with_a_profile_is_named(body: dict[str, Any], code: str) -> None:
    ana = person("ana")
    reply = send(ana, "POST", PROFILE, body)
    assert (reply.status, [error["code"] for error in reply.document["errors"]]) == (422, [code])
    assert send(ana, "GET", PROFILE).document == {"name": "", "findable_by_email": False}
