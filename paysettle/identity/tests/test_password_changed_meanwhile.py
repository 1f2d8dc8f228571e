"""A password that is changed ends what was begun with the one before: half a sign-in, and another change."""

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from paysettle.events.models import Event
from paysettle.identity import browser_sessions, pending_sign_in, personal
from paysettle.identity.models import LoginSession, User
from paysettle.identity.operations import passwords, people, sessions
from paysettle.identity.session_store import SessionStore
from paysettle.identity.tests.app_client import AUTH, PASSWORD, Answer, App, at_once, code_mailed_to
from paysettle.identity.tests.people import Person, person
from tests.codes import code_of, give_second_factor
from tests.plugin import ALL

pytestmark = pytest.mark.shared(*ALL)  # what is decided under the lock of the person, each database decides

NEW = "another horse battery staple"


def change(app: App, new: str = NEW) -> Answer:
    return app.call("POST", f"{AUTH}/account/password/change", {"current_password": PASSWORD, "new_password": new})


def signed_in(who: Person) -> App:
    app = App()
    assert app.sign_in(username=who.handle).status == 200
    return app


def by_change(_who: Person, phone: App) -> None:
    assert change(phone).status == 200


def by_reset(who: Person, _phone: App) -> None:
    app = App()
    app.call("POST", f"{AUTH}/auth/password/request", {"email": who.email})
    done = app.call("POST", f"{AUTH}/auth/password/reset", {"key": code_mailed_to(who.email), "password": NEW})
    assert done.status == 401


HOW = pytest.mark.parametrize("by", [by_change, by_reset])


def half_done(by: Callable[[Person, App], None]) -> tuple[Person, App]:
    """Take the first step of a sign-in by the password that is changed then; return who it is and the device."""
    ana = person("ana")
    phone = signed_in(ana)
    give_second_factor(ana.user)
    thief = App()
    assert thief.sign_in(username=ana.handle).status == 401
    by(ana, phone)
    return ana, thief


def pending(answer: Answer) -> list[str]:
    return [flow["id"] for flow in answer.json["data"]["flows"] if flow.get("is_pending")]


@HOW
def test_half_a_sign_in_ends_with_the_password_and_no_code_is_spent(by: Callable[[Person, App], None]) -> None:
    ana, thief = half_done(by)
    code = code_of(ana.user)
    refused = thief.enter_code(code)
    assert (refused.status, pending(refused)) == (401, [])
    assert thief.access_token == ""
    assert thief.enter_code(code).shape() == refused.shape(), "as where nothing was pending"
    app = App()
    assert pending(app.sign_in(NEW, username=ana.handle)) == ["mfa_authenticate"]
    assert app.enter_code(code).status == 200


@HOW
def test_control_half_a_sign_in_that_is_bound_to_no_password_goes_on(
    by: Callable[[Person, App], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: whoever once had the password needs only a code."""
    monkeypatch.setattr(pending_sign_in, "is_of_password", lambda _session, _user: True)
    ana, thief = half_done(by)
    assert thief.enter_code(code_of(ana.user)).status == 200


def test_a_second_sign_in_with_the_same_session_does_not_lend_its_password() -> None:
    """Somebody else's password, shown meanwhile in the session of the half-done sign-in, binds nothing of it anew."""
    ana, thief = half_done(by_change)
    eve = person("eve")
    give_second_factor(eve.user)
    assert thief.sign_in(username=eve.handle).status == 401
    assert thief.enter_code(code_of(ana.user)).status == 400, "what is pending is eve's"


def change_before_the_session_begins(who: Person, monkeypatch: pytest.MonkeyPatch, *, read_anew: bool) -> None:
    """Let the password be changed after it was found right and before there is a session."""
    begin = browser_sessions.begin

    def late(request: HttpRequest, *, second_factor: bool) -> UUID:
        passwords.change(by=User.objects.get(id=who.user.id), password=NEW, keep_session=None)
        if read_anew:
            request.user = User.objects.get(id=who.user.id)
        return begin(request, second_factor=second_factor)

    monkeypatch.setattr(browser_sessions, "begin", late)


def test_a_change_between_the_password_and_the_session_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, app = person("ana"), App()
    change_before_the_session_begins(ana, monkeypatch, read_anew=False)
    refused = app.sign_in(username=ana.handle)
    assert (refused.status, refused.json["meta"]["is_authenticated"]) == (401, False)
    assert app.access_token == ""
    assert not LoginSession.objects.filter(user=ana.user, ended_at=None).exists()


def test_control_whoever_reads_the_person_anew_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the session is held against the password there is, not against the one that was shown."""
    ana, app = person("ana"), App()
    change_before_the_session_begins(ana, monkeypatch, read_anew=True)
    assert app.sign_in(username=ana.handle).status == 200
    assert app.me().status == 200


def two_at_once(monkeypatch: pytest.MonkeyPatch) -> tuple[Person, list[tuple[App, str, Answer]]]:
    """Change a password on two devices, so that neither has written when both have seen the old one."""
    met = threading.Barrier(2)

    def slow(password: str) -> str:
        met.wait(timeout=20)
        return make_password(password)

    ana = person("ana")
    phone, laptop = signed_in(ana), signed_in(ana)
    monkeypatch.setattr(passwords, "make_password", slow)
    tries = ((phone, "the phone's horse battery"), (laptop, "the laptop's horse battery"))
    calls = [lambda app=app, new=new: (app, new, change(app, new)) for app, new in tries]
    return ana, sorted(at_once(*calls), key=lambda one: one[2].status)


def test_of_two_changes_at_once_one_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, ((first, kept, done), (second, lost, refused)) = two_at_once(monkeypatch)
    assert (done.status, refused.status, refused.code) == (200, 409, "password_changed_meanwhile")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert first.me().status == 200
    assert second.me().code == "session_ended"
    assert App().sign_in(lost, username=ana.handle).status == 400
    assert App().sign_in(kept, username=ana.handle).status == 200


def test_control_unless_it_is_asked_under_the_lock_both_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: what was true when the request began is believed. The evicted session's password holds."""
    monkeypatch.setattr(passwords, "_require_unchanged", lambda *_, **__: None)
    ana, results = two_at_once(monkeypatch)
    assert {answer.status for _, _, answer in results} <= {200, 401}, "no change is refused, at most told too late"
    changes = Event.objects.filter(stream=ana.caller.actor, type="paysettle.person.password_changed.v1")
    assert changes.count() == 2
    hash_ = User.objects.get(id=ana.user.id).password
    evicted = [new for app, new, _ in results if app.me().code == "session_ended"]
    assert any(User(password=hash_).check_password(new) for new in evicted) or len(evicted) == 2


def end_while_hashing(who: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all sessions of a person be ended from elsewhere while the new password is hashed."""

    def slow(password: str) -> str:
        sessions.end_others(by=who.caller)
        return make_password(password)

    monkeypatch.setattr(passwords, "make_password", slow)


def test_a_session_that_ended_meanwhile_changes_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    ana = person("ana")
    phone = signed_in(ana)
    end_while_hashing(ana, monkeypatch)
    refused = change(phone)
    assert (refused.status, refused.code) == (401, "session_ended")
    assert App().sign_in(username=ana.handle).status == 200


def test_a_session_that_ends_while_it_is_used_is_said_to_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the very last moment, when what it holds is to be kept: it is not there any more."""
    ana = person("ana")
    phone = signed_in(ana)
    keep = SessionStore.save

    def too_late(store: SessionStore, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        sessions.end_others(by=ana.caller)
        keep(store, must_create)

    monkeypatch.setattr(SessionStore, "save", too_late)
    answer = phone.call("GET", f"{AUTH}/account/authenticators/totp")  # it keeps a secret
    assert answer.status == 401
    assert answer.code in {"session_ended", "unauthenticated"}, "allauth notices, or Django does"


def test_control_unless_the_session_is_asked_for_again_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: whoever was evicted at that moment has the last word."""
    ana = person("ana")
    phone = signed_in(ana)
    end_while_hashing(ana, monkeypatch)
    monkeypatch.setattr(passwords, "_require_unchanged", lambda *_, **__: None)
    change(phone)
    assert App().sign_in(NEW, username=ana.handle).status == 200


def reset_while(meanwhile: Callable[[Person], None], monkeypatch: pytest.MonkeyPatch) -> tuple[Person, Answer]:
    """Use a code for a reset; something happens after it was found right and before there is another password."""
    ana, app = person("ana"), App()
    app.call("POST", f"{AUTH}/auth/password/request", {"email": ana.email})

    def slow(password: str) -> str:
        meanwhile(ana)
        return make_password(password)

    with monkeypatch.context() as patch:
        patch.setattr(passwords, "make_password", slow)
        body = {"key": code_mailed_to(ana.email), "password": NEW}
        return ana, app.call("POST", f"{AUTH}/auth/password/reset", body)


def take_another_address(who: Person) -> None:
    personal.keep_email(who.user, f"new.{who.email}")


def be_disabled(who: Person) -> None:
    people.disable(by=person("sam", staff=True).caller, user_id=who.user.id, reason="a test")


MEANWHILE = {"address_changed_meanwhile": take_another_address, "person_disabled": be_disabled}


@pytest.mark.parametrize("code", MEANWHILE)
def test_a_reset_is_nothing_when_the_address_or_the_account_ends_meanwhile(
    code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, refused = reset_while(MEANWHILE[code], monkeypatch)
    assert refused.code == code
    assert User.objects.get(id=ana.user.id).check_password(PASSWORD)


@pytest.mark.parametrize("code", MEANWHILE)
def test_control_unless_it_is_asked_once_more_under_the_lock(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug, which was one: whoever reads the former mailbox sets the password."""
    monkeypatch.setattr(passwords, "_require_unchanged", lambda *_, **__: None)
    ana, _ = reset_while(MEANWHILE[code], monkeypatch)
    assert User.objects.get(id=ana.user.id).check_password(NEW)


def test_a_reset_during_a_change_is_refused_and_its_code_stays_good(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, app = person("ana"), App()
    app.call("POST", f"{AUTH}/auth/password/request", {"email": ana.email})

    def slow(password: str) -> str:
        monkeypatch.undo()
        passwords.change(by=User.objects.get(id=ana.user.id), password="a thief's horse battery", keep_session=None)
        return make_password(password)

    monkeypatch.setattr(passwords, "make_password", slow)
    body = {"key": code_mailed_to(ana.email), "password": NEW}
    refused = app.call("POST", f"{AUTH}/auth/password/reset", body)
    assert (refused.status, refused.code) == (409, "password_changed_meanwhile")
    assert app.call("POST", f"{AUTH}/auth/password/reset", body).status == 401
    assert App().sign_in(NEW, username=ana.handle).status == 200
