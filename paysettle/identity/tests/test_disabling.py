"""Disabling a person or a party acts on the very next call."""

import secrets
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.test import Client

from paysettle.events.models import Event
from paysettle.identity import standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import AdminAction, LoginSession, User
from paysettle.identity.operations import parties, people, sessions
from paysettle.identity.operations.people import CannotDisableYourself
from paysettle.identity.operations.recording import ReasonMissing, StaffOnly
from paysettle.identity.operations.sessions import PersonDisabled
from paysettle.identity.operations.staff import OwnAffair
from paysettle.identity.roles import Permission
from paysettle.identity.standing import Standing
from paysettle.identity.tests.app_client import PASSWORD, App, at_once
from paysettle.identity.tests.people import Person, person
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError, NotFound
from tests.codes import code_of
from tests.companies import company
from tests.http import InProcess
from tests.people import person as new_person
from tests.plugin import ALL

pytestmark = pytest.mark.shared(*ALL)  # who may act decides over money

REASON = "asked for by their bank"


def signed_in_twice(who: Person) -> list[App]:
    """Return two devices on which a person signed in over HTTP."""
    devices = [App(), App()]
    for device in devices:
        assert device.sign_in(username=who.handle).status == 200
        assert device.me().status == 200
    return devices


def test_the_next_call_of_every_session_is_refused() -> None:
    ana, staff = person("ana"), person("sam", staff=True)
    devices = signed_in_twice(ana)
    people.disable(by=staff.caller, user_id=ana.user.id, reason=REASON)
    for device in devices:
        assert device.me().code == "session_ended"
        assert device.refresh().code == "session_ended"
        assert device.call("GET", "/_allauth/app/v1/auth/session").status == 410
    assert App().sign_in(username=ana.handle).json["meta"]["is_authenticated"] is False

    people.enable(by=staff.caller, user_id=ana.user.id, reason="cleared")
    assert devices[0].me().code == "session_ended"
    assert App().sign_in(username=ana.handle).status == 200


def test_control_a_token_alone_would_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the token is believed and the database not asked."""
    ana, staff = person("ana"), person("sam", staff=True)
    (device, _) = signed_in_twice(ana)
    people.disable(by=staff.caller, user_id=ana.user.id, reason=REASON)
    monkeypatch.setattr(standing, "check", lambda *_, **__: None)
    assert device.me().status == 200


def test_a_member_of_staff_loses_the_admin_at_once() -> None:
    sam, other = person("sam", staff=True), person("tess", staff=True)
    browser = Client(REMOTE_ADDR="10.9.9.9")
    browser.post("/admin/login/", {"username": sam.handle, "password": PASSWORD})
    browser.post("/admin/second-factor/", {"code": code_of(sam.user)})
    assert browser.get("/admin/").status_code == 200
    people.disable(by=other.caller, user_id=sam.user.id, reason=REASON)
    assert browser.get("/admin/").status_code == 302
    browser.post("/admin/login/", {"username": sam.handle, "password": PASSWORD})
    assert browser.get("/admin/").status_code == 302


def test_signing_in_and_disabling_at_once_leaves_no_live_session() -> None:
    for _ in range(10):
        ana, staff = person("ana"), person("sam", staff=True)

        def sign_in(user: User = ana.user) -> None:
            with suppress(PersonDisabled):
                sessions.begin(user, secrets.token_hex(16))

        def disable(user: User = ana.user, by: Caller = staff.caller) -> None:
            people.disable(by=by, user_id=user.id, reason=REASON)

        at_once(sign_in, disable, sign_in)
        assert not LoginSession.objects.filter(user=ana.user, ended_at=None).exists()


def test_the_reason_is_kept_and_is_in_no_event() -> None:
    ana, staff = person("ana"), person("sam", staff=True)
    people.disable(by=staff.caller, user_id=ana.user.id, reason=f"  {REASON} ")
    action = AdminAction.objects.get(subject_id=ana.user.id)
    assert (action.actor, action.verb, action.reason) == (staff.caller.actor, "disabled", REASON)
    event = Event.objects.get(stream=ana.caller.actor, type="paysettle.person.disabled.v1")
    assert event.actor == staff.caller.actor
    assert REASON not in event.data
    assert User.objects.get(id=ana.user.id).version == event.stream_version == 2
    with pytest.raises(DatabaseError, match="insert-only"):
        AdminAction.objects.filter(id=action.id).update(reason="nothing")


@pytest.mark.parametrize("reason", ["", " ", "\x00", "a\u202eb", "x" * 501])
def test_a_reason_that_says_nothing_is_refused(reason: str) -> None:
    ana, staff = person("ana"), person("sam", staff=True)
    with pytest.raises(ReasonMissing):
        people.disable(by=staff.caller, user_id=ana.user.id, reason=reason)
    assert User.objects.get(id=ana.user.id).is_active


def test_disabling_twice_changes_nothing() -> None:
    ana, staff = person("ana"), person("sam", staff=True)
    for _ in range(2):
        people.disable(by=staff.caller, user_id=ana.user.id, reason=REASON)
        parties.disable(by=staff.caller, party_id=ana.user.own_party_id, reason=REASON)
    assert AdminAction.objects.filter(subject_id=ana.user.id).count() == 1
    assert AdminAction.objects.filter(subject_id=ana.user.own_party_id).count() == 1


def test_who_may_not_disable() -> None:
    ana, ben, staff = person("ana"), person("ben"), person("sam", staff=True)
    with pytest.raises(StaffOnly):
        people.disable(by=ben.caller, user_id=ana.user.id, reason=REASON)
    with pytest.raises(StaffOnly):
        parties.disable(by=ben.caller, party_id=ana.user.own_party_id, reason=REASON)
    with pytest.raises(CannotDisableYourself):
        people.disable(by=staff.caller, user_id=staff.user.id, reason=REASON)
    with pytest.raises(OwnAffair):
        parties.disable(by=staff.caller, party_id=staff.user.own_party_id, reason=REASON)
    with pytest.raises(ReasonMissing):
        people.disable(by=staff.caller, user_id=ana.user.id, reason="  ")
    with pytest.raises(NotFound):
        people.disable(by=staff.caller, user_id=identifiers.new(), reason=REASON)


def test_a_disabled_party_may_do_nothing_and_its_person_is_told_why() -> None:
    ana, staff = person("ana"), person("sam", staff=True)
    app = ana.app()
    parties.disable(by=staff.caller, party_id=ana.user.own_party_id, reason=REASON)
    assert (app.me().status, app.me().code) == (403, "party_disabled")
    parties.enable(by=staff.caller, party_id=ana.user.own_party_id, reason="cleared")
    assert app.me().status == 200
    types = Event.objects.filter(stream=ana.caller.party).order_by("stream_version").values_list("type", flat=True)
    assert list(types) == [f"paysettle.party.{what}.v1" for what in ("opened", "disabled", "enabled")]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("me/profile", {"name": "Somebody Else"}),
        ("me/address", {"email": "new@example.org"}),
        ("organisations", {"handle": "new-firm-of-mallory", "legal_name": "Firm", "country": "PT"}),
    ],
)
def test_whoever_is_disabled_changes_nothing_of_their_own_by_acting_for_another(path: str, body: Any) -> None:
    """Control: the same request goes through before and after."""
    ana, staff = new_person("ana"), person("sam", staff=True)
    client, firm = InProcess(ana), company(ana)
    parties.disable(by=staff.caller, party_id=ana.party_id, reason=REASON)
    refused = client.post(f"/api/v1/{path}", body, **{"Acting-Party": firm.id})
    assert (refused.status, refused.document["code"]) == (403, "party_disabled")
    parties.enable(by=staff.caller, party_id=ana.party_id, reason="cleared")
    assert client.post(f"/api/v1/{path}", body, **{"Acting-Party": firm.id}).status in {200, 201, 202}


def test_ending_sessions() -> None:
    ana, ben = person("ana"), person("ben")
    app = ana.app()
    with pytest.raises(NotFound):
        sessions.end(by=ben.caller, session_id=ana.session.id)
    with pytest.raises(StaffOnly):
        people.sign_out(by=ben.caller, user_id=ana.user.id, reason=REASON)
    sessions.end(by=ana.caller, session_id=ana.session.id)
    other = replace(ana.caller, session_id=sessions.begin(ana.user, secrets.token_hex(16)).id)
    sessions.end(by=other, session_id=ana.session.id)
    assert app.me().code == "session_ended"
    assert Event.objects.filter(stream=identifiers.show("ses", ana.session.id)).count() == 2
    phone, _ = signed_in_twice(ana)
    people.sign_out(by=person("sam", staff=True).caller, user_id=ana.user.id, reason=REASON)
    assert phone.me().code == "session_ended"
    row_keys = [bytes(s.django_session).hex()[:40] for s in LoginSession.objects.filter(user=ana.user)]
    assert not Session.objects.filter(session_key__in=row_keys).exists()


def test_one_caller_and_a_batch_are_judged_alike() -> None:
    def alone(caller: Caller) -> None:
        standing.check(caller, Permission.PAY)

    def in_a_batch(caller: Caller) -> None:
        transactions.run(lambda tx: Standing(tx, [caller], []).admit(caller, Permission.PAY))

    def verdicts(caller: Caller) -> list[str]:
        found = []
        for judge in (alone, in_a_batch):
            try:
                judge(caller)
                found.append("admitted")
            except DomainError as error:
                found.append(error.code)
        return found

    ana, ben, staff = person("ana"), person("ben"), person("sam", staff=True)
    foreign = Caller(user_id=ana.user.id, session_id=ana.session.id, party_id=ben.user.own_party_id)
    mixed = Caller(user_id=ana.user.id, session_id=ben.session.id, party_id=ana.user.own_party_id)
    nowhere = Caller(user_id=ana.user.id, session_id=ana.session.id, party_id=identifiers.new())
    assert verdicts(ana.caller) == ["admitted"] * 2
    assert verdicts(foreign) == ["not_your_party"] * 2
    assert verdicts(nowhere) == ["not_your_party"] * 2
    assert verdicts(mixed) == ["session_ended"] * 2
    parties.disable(by=staff.caller, party_id=ana.user.own_party_id, reason=REASON)
    assert verdicts(ana.caller) == ["party_disabled"] * 2
    people.disable(by=staff.caller, user_id=ana.user.id, reason=REASON)
    assert verdicts(ana.caller) == ["session_ended"] * 2
