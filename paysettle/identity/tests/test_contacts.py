"""A party's own list: kept, named, blocked, removed; seen by nobody else."""

import json
from typing import Any

import pytest

from paysettle.events.models import Event
from paysettle.identity.blocks import Blocks
from paysettle.identity.models import Contact
from paysettle.identity.operations import contacts
from paysettle.identity.roles import Role
from paysettle.identity.tests.app_client import at_once
from paysettle.kernel.errors import DomainError
from tests.companies import company, send
from tests.moves import authorise
from tests.people import Person, deposit, pay, person
from tests.server import Reply

PATH = "/api/v1/contacts"
CANARY = "the Canary from the bakery"


def keep(owner: Person, other: Person, name: str = "") -> dict[str, Any]:
    """Keep somebody and return the contact as the API shows it."""
    made = send(owner, "POST", PATH, {"party": other.handle, "name": name})
    assert made.status == 201, made.text
    return made.document


def do(owner: Person, contact: dict[str, Any], what: str, body: Any = None) -> Reply:
    return send(owner, "POST", f"{PATH}/{contact['id']}/{what}", body)


def test_it_works() -> None:
    ana, ben = person("ana"), person("ben")
    made = keep(ana, ben, " Benny ")
    assert made["party"] == {"id": ben.party, "handle": ben.handle, "kind": "person"}
    assert (made["name"], made["blocked"]) == ("Benny", False)
    assert send(ana, "GET", f"{PATH}/{made['id']}").document == made
    assert send(ana, "GET", PATH).document["data"] == [made]
    assert do(ana, made, "rename", {"name": "Ben"}).document == {**made, "name": "Ben"}
    assert do(ana, made, "rename", {"name": ""}).document["name"] == ""
    assert do(ana, made, "block").document["blocked"] is True
    assert do(ana, made, "unblock").document["blocked"] is False
    assert do(ana, made, "remove").status == 204
    assert send(ana, "GET", PATH).document["data"] == []
    assert do(ana, made, "remove").status == 404


def test_a_list_comes_in_pages() -> None:
    ana = person("ana")
    kept = [keep(ana, person("ben"))["id"] for _ in range(5)]
    first = send(ana, "GET", f"{PATH}?limit=3").document
    second = send(ana, "GET", first["next"]).document
    assert [one["id"] for one in first["data"] + second["data"]] == kept[::-1]
    assert second["next"] is None


def test_nobody_else_sees_or_changes_it() -> None:
    ana, ben, eve = person("ana"), person("ben"), person("eve")
    made = keep(ana, ben, CANARY)
    absent = "con_06f00000000000000000000000"
    for who in (ben, eve):
        assert send(who, "GET", PATH).document["data"] == []
        for what, body in (("rename", {"name": "x"}), ("block", None), ("unblock", None), ("remove", None)):
            foreign, nothing = (send(who, "POST", f"{PATH}/{id_}/{what}", body) for id_ in (made["id"], absent))
            assert (foreign.status, foreign.document["code"]) == (404, "not_found")
            assert nothing.document["detail"] == foreign.document["detail"]
            assert CANARY not in foreign.text
        assert send(who, "GET", f"{PATH}/{made['id']}").status == 404
    assert send(ana, "GET", f"{PATH}/{made['id']}").document == made


def test_control_without_the_owner_in_the_question_a_stranger_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: whoever knows the id sees the contact."""
    made = keep(person("ana"), person("ben"), CANARY)
    monkeypatch.setattr(
        "paysettle.identity.queries.contacts_of", lambda _party_id: Contact.objects.select_related("party")
    )
    assert CANARY in send(person("eve"), "GET", f"{PATH}/{made['id']}").text


def test_a_company_has_a_list_of_its_own_which_its_members_share() -> None:
    olga, paul, vera, ben = person("olga"), person("paul"), person("vera"), person("ben")
    firm = company(olga)
    payer, viewer = firm.join(paul, Role.PAYER), firm.join(vera, Role.VIEWER)
    made = keep(payer, ben)
    assert send(firm.acted_for_by(olga), "GET", PATH).document["data"] == [made]
    assert send(viewer, "GET", PATH).document["data"] == [made]
    assert do(viewer, made, "block").document["code"] == "not_permitted"
    assert send(olga, "GET", PATH).document["data"] == []


def test_events_hold_ids_alone() -> None:
    ana, ben = person("ana"), person("ben")
    made = keep(ana, ben, CANARY)
    for what, body in (("rename", {"name": f"{CANARY}, too"}), ("block", None), ("unblock", None), ("remove", None)):
        do(ana, made, what, body)
        do(ana, made, what, body)  # again: nothing more to tell
    told = list(Event.objects.filter(stream=made["id"]).order_by("stream_version"))
    assert [(event.type.split(".")[2], event.actor, event.party) for event in told] == [
        (what, ana.caller.actor, ana.party) for what in ("kept", "renamed", "blocked", "unblocked", "removed")
    ]
    for event in told:
        assert json.loads(event.data) == {"contact": made["id"], "owner": ana.party, "contact_party": ben.party}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({"party": "x" * 41}, "too_long"),
        ({"party": "ben", "name": "x" * 101}, "too_long"),
        ({"party": "ben", "blocked": True}, "unknown_field"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], code: str) -> None:
    reply = send(person("ana"), "POST", PATH, body)
    assert (reply.status, [error["code"] for error in reply.document["errors"]]) == (422, [code])


def test_a_name_must_be_given_to_rename() -> None:
    ana = person("ana")
    made = keep(ana, person("ben"), "Ben")
    assert do(ana, made, "rename", {}).status == 422
    assert send(ana, "GET", f"{PATH}/{made['id']}").document == made


def test_nobody_is_kept_twice_nor_by_themself_nor_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, ben = person("ana"), person("ben")
    keep(ana, ben)
    again = send(ana, "POST", PATH, {"party": ben.party})
    assert (again.status, again.document["code"]) == (409, "already_contact")
    own = send(ana, "POST", PATH, {"party": ana.handle})
    assert (own.status, own.document["code"]) == (422, "contact_with_oneself")
    monkeypatch.setattr(contacts, "KEPT_MAX", 1)
    full = send(ana, "POST", PATH, {"party": person("cleo").handle})
    assert (full.status, full.document["code"]) == (409, "too_many_contacts")
    assert Contact.objects.filter(owner_id=ana.party_id).count() == 1


def code_of(owner: Person, other: Person) -> str:
    try:
        contacts.keep(by=owner.caller, reference=other.handle, name="")
    except DomainError as refusal:
        return refusal.code
    return "kept"


@pytest.mark.money
def test_of_several_who_keep_the_same_at_once_one_does() -> None:
    for _ in range(3):
        ana, ben = person("ana"), person("ben")
        got = at_once(*[lambda a=ana, b=ben: code_of(a, b) for _ in range(4)])
        assert sorted(got) == ["already_contact"] * 3 + ["kept"]


@pytest.mark.money
def test_the_list_does_not_grow_beyond_its_bound_when_many_are_kept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "KEPT_MAX", 2)
    ana = person("ana")
    others = [person("ben") for _ in range(5)]
    got = at_once(*[lambda one=one: code_of(ana, one) for one in others])
    assert sorted(got) == ["kept"] * 2 + ["too_many_contacts"] * 3


# Blocks.


def ask(creditor: Person, debtor: Person) -> Reply:
    body = {"debtor": debtor.handle, "amount": {"amount": 1, "currency": "EUR"}, "reason": "dinner"}
    return send(creditor, "POST", "/api/v1/settlements", body)


@pytest.mark.money
def test_who_is_blocked_asks_for_nothing_and_is_told_what_a_disabled_party_would_answer() -> None:
    ana, ben, cleo = person("ana"), person("ben"), person("cleo")
    made = keep(ana, ben)
    assert ask(ben, ana).status == 201
    do(ana, made, "block")
    refused = ask(ben, ana)
    assert (refused.status, refused.document["code"]) == (422, "party_unavailable")
    assert "block" not in refused.text
    assert ask(cleo, ana).status == 201
    assert ask(ana, ben).status == 201  # one's own block is no bar to oneself
    do(ana, made, "unblock")
    assert ask(ben, ana).status == 201


@pytest.mark.money
def test_whoever_blocks_first_can_be_blocked_back() -> None:
    ana, ben = person("ana"), person("ben")
    do(ben, keep(ben, ana), "block")
    assert ask(ben, ana).status == 201
    do(ana, keep(ana, ben), "block")
    assert ask(ben, ana).document["code"] == "party_unavailable"


@pytest.mark.money
def test_what_who_is_blocked_pays_is_accepted() -> None:
    ana, ben = person("ana"), person("ben")
    do(ana, keep(ana, ben), "block")
    deposit(ben, 10)
    assert pay(ben, ana, 10).status == 201


@pytest.mark.money
def test_who_is_blocked_holds_no_money_for_whoever_keeps_them_away() -> None:
    ana, ben = person("ana"), person("ben")
    made = keep(ana, ben)
    deposit(ben, 10)
    do(ana, made, "block")
    refused = authorise(ben, ana, 10)
    assert (refused.status, refused.document()["code"]) == (422, "payee_unavailable")
    do(ana, made, "unblock")
    assert authorise(ben, ana, 10).status == 201


@pytest.mark.money
def test_control_without_the_question_in_the_batch_who_is_blocked_asks_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: nobody asks who is kept away."""
    monkeypatch.setattr(Blocks, "keeps_away", lambda _blocks, _owner, _party: False)
    ana, ben = person("ana"), person("ben")
    do(ana, keep(ana, ben), "block")
    assert ask(ben, ana).status == 201
    deposit(ben, 10)
    assert authorise(ben, ana, 10).status == 201


def test_paying_and_asking_keep_nobody() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10)
    pay(ana, ben, 1)
    ask(ana, ben)
    assert not Contact.objects.filter(owner_id__in=[ana.party_id, ben.party_id]).exists()
