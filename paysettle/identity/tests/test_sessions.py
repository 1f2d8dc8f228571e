"""Sessions and devices: seeing them, naming them, ending them; and every way in which they end closes every door."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from paysettle.identity import devices, standing, timeouts, tokens
from paysettle.identity.caller import Caller
from paysettle.identity.models import LoginSession, RefreshToken, SessionEnd, User
from paysettle.identity.operations import people, second_factors, sessions
from paysettle.identity.roles import Permission
from paysettle.identity.session_store import SessionStore
from paysettle.identity.standing import SessionEnded, Standing
from paysettle.identity.tests.app_client import AUTH, PASSWORD, Answer, App, at_once, code_mailed_to
from paysettle.identity.tests.people import Person, person
from paysettle.kernel import identifiers, transactions
from tests.codes import code_for, give_second_factor
from tests.plugin import ALL

pytestmark = pytest.mark.shared(*ALL)  # who may act decides over money

PATH = "/api/v1/me/sessions"
OPERATOR = Caller(party_id=identifiers.SYSTEM, operator="tests")
NEW_PASSWORD = "another horse battery staple"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def send(app: App, method: str, path: str, body: Any = None) -> Answer:
    """Call our API with the access token of a device."""
    return app.call(method, path, body, Authorization=f"Bearer {app.access_token}")


def signed_in(who: Person) -> App:
    app = App()
    assert app.sign_in(username=who.handle).status == 200
    return app


def session_of(app: App) -> LoginSession:
    """Return the session of a device, as the device itself is told of it."""
    (current,) = [one for one in send(app, "GET", PATH).json["data"] if one["current"]]
    return LoginSession.objects.get(id=identifiers.parse("ses", current["id"]))


def test_one_sees_where_one_is_signed_in() -> None:
    ana = person("ana")
    app = App()
    app.call("POST", f"{AUTH}/auth/login", {"username": ana.handle, "password": PASSWORD}, **{"User-Agent": FIREFOX})
    current, other = send(app, "GET", PATH).json["data"]
    assert (current["device"], current["current"], current["second_factor"]) == ("Firefox on Linux", True, False)
    assert (other["id"], other["current"]) == (identifiers.show("ses", ana.session.id), False)
    assert current["created_at"] <= current["last_seen_at"] < current["expires_at"]
    assert FIREFOX not in str(LoginSession.objects.filter(user=ana.user).values())


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>" * 100, "Unknown device"),
    ],
)
def test_a_device_is_named_roughly(user_agent: str, name: str) -> None:
    assert devices.describe(user_agent) == name


def test_a_session_is_given_a_name() -> None:
    app = signed_in(person("ana"))
    path = f"{PATH}/{identifiers.show('ses', session_of(app).id)}/name"
    assert send(app, "POST", path, {"name": " Kitchen "}).json["name"] == "Kitchen"
    assert session_of(app).name == "Kitchen"
    for body in ({"name": ""}, {"name": "x" * 41}, {"name": "a\u202eb"}, {"name": 1}, {}, {"name": "a", "device": "b"}):
        assert send(app, "POST", path, body).status == 422
    assert session_of(app).name == "Kitchen"


def test_sessions_of_others_are_absent() -> None:
    ana, eve = person("ana"), signed_in(person("eve"))
    staff = person("sam", staff=True).app()
    for app in (eve, staff):
        for named in (identifiers.show("ses", ana.session.id), identifiers.show("ses", identifiers.new()), "ses_x"):
            assert send(app, "POST", f"{PATH}/{named}/end").status == 404
            assert send(app, "POST", f"{PATH}/{named}/name", {"name": "mine"}).status == 404
        assert identifiers.show("ses", ana.session.id) not in str(send(app, "GET", PATH).json)
    assert ana.app().me().status == 200


def test_a_session_that_has_ended_is_not_listed_and_gets_no_name() -> None:
    ana = person("ana")
    app = signed_in(ana)
    shown = identifiers.show("ses", ana.session.id)
    for _ in range(2):
        assert send(app, "POST", f"{PATH}/{shown}/end").status == 204
    assert len(send(app, "GET", PATH).json["data"]) == 1
    assert send(app, "POST", f"{PATH}/{shown}/name", {"name": "gone"}).status == 404


def test_all_others_are_ended_at_once() -> None:
    ana = person("ana")
    phone, laptop = signed_in(ana), signed_in(ana)
    assert send(phone, "POST", f"{PATH}/end-others").json == {"ended": 2}
    assert phone.me().status == 200
    assert laptop.me().code == "session_ended"
    assert send(phone, "POST", f"{PATH}/end-others").json == {"ended": 0}


def survivors(end: Callable[[App, App], Answer]) -> list[int]:
    """Let two devices of a person end each other at the same moment; return what they are answered afterwards."""
    ana = person("ana")
    phone, laptop = signed_in(ana), signed_in(ana)
    at_once(lambda: end(phone, laptop), lambda: end(laptop, phone))
    return sorted(device.me().status for device in (phone, laptop))


def end_all_others(by: App, _other: App) -> Answer:
    return send(by, "POST", f"{PATH}/end-others")


def end_the_other(by: App, other: App) -> Answer:
    return send(by, "POST", f"{PATH}/{session_named_by_token(other)}/end")


def session_named_by_token(app: App) -> str:
    """Return the id of the session that a device's access token is of."""
    assert app.access_token is not None
    claims = tokens.verify_access_token(app.access_token, timezone.now())
    return identifiers.show("ses", claims.session_id)


@pytest.mark.parametrize("end", [end_all_others, end_the_other])
def test_of_two_that_end_each_other_one_remains(end: Callable[[App, App], Answer]) -> None:
    assert [survivors(end) for _ in range(3)] == [[200, 401]] * 3


def test_a_session_that_has_just_been_ended_ends_no_other() -> None:
    """As above, one after the other: each has been let in when the first of them is done."""
    ana = person("ana")
    first, second = (LoginSession.objects.get(id=session_of(signed_in(ana)).id) for _ in range(2))
    sessions.end_others(by=replace(ana.caller, session_id=first.id))
    for end in (sessions.end_others, partial(sessions.end, session_id=first.id)):
        with pytest.raises(SessionEnded):
            end(by=replace(ana.caller, session_id=second.id))
    assert LoginSession.objects.filter(id=first.id, ended_at=None).exists()


def test_control_unless_they_come_one_after_the_other_neither_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: whoever was let in is believed to be there still."""
    monkeypatch.setattr(sessions, "_one_after_the_other", lambda tx, _by: tx.read_clock())
    both_let_in, check = threading.Barrier(2), standing.check

    def slowly(*arguments: Any, **named: Any) -> None:
        check(*arguments, **named)
        with suppress(threading.BrokenBarrierError):
            both_let_in.wait(20)

    with monkeypatch.context() as patched:
        patched.setattr(standing, "check", slowly)
        ana = person("ana")
        phone, laptop = signed_in(ana), signed_in(ana)
        at_once(lambda: end_all_others(phone, laptop), lambda: end_all_others(laptop, phone))
    assert [phone.me().status, laptop.me().status] == [401, 401]


def answers_by_access_token(phone: App, header: str) -> list[Answer]:
    """Do with the access token alone whatever gives the session another key; return what is answered."""
    token = phone.access_token if header == "X-Session-Token" else f"Bearer {phone.access_token}"

    def answer(method: str, path: str, body: Any = None) -> Answer:
        return App().call(method, f"{AUTH}/{path}", body, **{header: str(token)})

    begun = answer("GET", "account/authenticators/totp")
    code = {"code": code_for(begun.json["meta"]["secret"])}
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    done = [
        answer("POST", "account/authenticators/totp", code),
        answer("POST", "auth/reauthenticate", {"password": PASSWORD}),
        answer("POST", "account/password/change", change),
    ]
    assert [answer.status for answer in done] == [200] * 3
    return [begun, *done]


def session_tokens(answers: list[Answer]) -> set[str]:
    return {
        answer.json["meta"]["session_token"] for answer in answers if "session_token" in answer.json.get("meta", {})
    }


@pytest.mark.parametrize("header", ["X-Session-Token", "Authorization"])
def test_an_access_token_is_never_answered_with_a_session_token(header: str) -> None:
    phone = signed_in(person("ana"))
    assert session_tokens(answers_by_access_token(phone, header)) == set()
    assert phone.call("GET", f"{AUTH}/auth/session").status == 410, "the key of before is good for nothing"
    assert phone.refresh().status == 200


def test_control_whoever_has_stolen_a_token_for_minutes_would_have_one_for_weeks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted bug, which was one: the key is kept back only until it is renewed."""
    known_to_nobody = property(lambda store: store._opened is not None and store.session_key == store._opened[0])
    monkeypatch.setattr(SessionStore, "opened_by_digest", known_to_nobody)
    assert session_tokens(answers_by_access_token(signed_in(person("ana")), "Authorization"))


# --- Every end closes every door ---------------------------------------------------------------------------------


def doors(app: App) -> dict[str, int]:
    """Try everything that a session opens; return the statuses. A payment to nobody is 422 for whoever may pay."""
    order = {"payee": "nobody-at-all", "amount": {"amount": 1, "currency": "EUR"}}
    headers = {"Authorization": f"Bearer {app.access_token}", "Idempotency-Key": "doors"}
    tried = {
        "access token": app.me().status,
        "payment": app.call("POST", "/api/v1/payments", order, **headers).status,
        "session token": app.call("GET", f"{AUTH}/auth/session").status,
    }
    key, app.session_token = app.session_token, None
    bearer = {"Authorization": f"Bearer {app.access_token}"}
    tried["access token as session token"] = app.call("GET", f"{AUTH}/auth/session", **bearer).status
    app.session_token = key
    return {**tried, "refresh token": app.refresh().status}


OPEN = {
    "access token": 200,
    "payment": 422,
    "session token": 200,
    "access token as session token": 200,
    "refresh token": 200,
}
CLOSED = {
    "access token": 401,
    "payment": 401,
    "session token": 410,
    "access token as session token": 410,
    "refresh token": 401,
}


def _reset(who: Person) -> None:
    app = App()
    app.call("POST", f"{AUTH}/auth/password/request", {"email": who.email})
    body = {"key": code_mailed_to(who.email), "password": NEW_PASSWORD}
    app.call("POST", f"{AUTH}/auth/password/reset", body)


def _replay(app: App) -> None:
    spent = app.refresh_token
    app.refresh()
    RefreshToken.objects.filter(session=session_of(app)).exclude(used_at=None).update(
        used_at=timezone.now() - timedelta(minutes=1)
    )
    assert App().refresh(spent).code == "refresh_token_replayed"


def _age(app: App, **columns: timedelta) -> None:
    """Let the times of a session be so much earlier."""
    session = session_of(app)
    LoginSession.objects.filter(id=session.id).update(
        **{name: getattr(session, name) - by for name, by in columns.items()}
    )


def _change_password(app: App) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert app.call("POST", f"{AUTH}/account/password/change", body).status == 200


def _take_away(who: Person) -> None:
    give_second_factor(who.user)
    second_factors.take_away(by=OPERATOR, user=who.user)


def _add_second_factor(on: App) -> None:
    address = f"{AUTH}/account/authenticators/totp"
    secret = on.call("GET", address).json["meta"]["secret"]
    assert on.call("POST", address, {"code": code_for(secret)}).status == 200


def _close_account(on: App) -> None:
    assert send(on, "POST", "/api/v1/me/close").status == 200


Ending = Callable[[Person, App, App], object]

ENDINGS: dict[str, Ending] = {
    "signed out": lambda _ana, app, _other: app.sign_out(),
    "ended from another device": lambda _ana, app, other: send(
        other, "POST", f"{PATH}/{identifiers.show('ses', session_of(app).id)}/end"
    ),
    "all others ended": lambda _ana, _app, other: send(other, "POST", f"{PATH}/end-others"),
    "ended by staff": lambda ana, _app, _other: people.sign_out(
        by=person("sam", staff=True).caller, user_id=ana.user.id, reason="a lost phone"
    ),
    "password changed on another device": lambda _ana, _app, other: _change_password(other),
    "password reset": lambda ana, _app, _other: _reset(ana),
    "person disabled": lambda ana, _app, _other: people.disable(by=OPERATOR, user_id=ana.user.id, reason="a test"),
    "refresh token replayed": lambda _ana, app, _other: _replay(app),
    "second factor added on another device": lambda _ana, _app, other: _add_second_factor(other),
    "account closed": lambda _ana, _app, other: _close_account(other),
    "second factor taken away": lambda ana, _app, _other: _take_away(ana),
    "idle for too long": lambda _ana, app, _other: _age(app, last_seen_at=timedelta(days=14, seconds=1)),
    "older than it may be": lambda _ana, app, _other: _age(app, expires_at=timedelta(days=30, seconds=1)),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_every_end_closes_every_door(how: str) -> None:
    ana = person("ana")
    app, other = signed_in(ana), signed_in(ana)
    assert doors(app) == OPEN
    ENDINGS[how](ana, app, other)
    assert doors(app) == CLOSED


def test_every_reason_for_an_end_is_among_them() -> None:
    reasons = set()
    for ending in ENDINGS.values():
        ana = person("ana")
        app, other = signed_in(ana), signed_in(ana)
        session = session_of(app)
        ending(ana, app, other)
        session.refresh_from_db()
        reasons.add(session.end_reason)
    assert reasons - {""} == set(SessionEnd.values)


@pytest.mark.parametrize("how", ["idle for too long", "older than it may be"])
def test_control_without_the_question_what_timed_out_goes_on(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: nobody looks at the two times."""
    monkeypatch.setattr(timeouts, "is_live", lambda _session, _now: True)
    monkeypatch.setattr(timeouts, "live_at", lambda _now: ["2000-01-01 00:00:00.000000"] * 3)
    ana = person("ana")
    app, other = signed_in(ana), signed_in(ana)
    ENDINGS[how](ana, app, other)
    assert doors(app) == OPEN


def test_use_prolongs_the_idle_time_and_not_the_life() -> None:
    app = signed_in(person("ana"))
    before = session_of(app)
    _age(app, last_seen_at=timedelta(days=13))
    assert app.refresh().status == 200
    after = session_of(app)
    assert after.last_seen_at >= before.last_seen_at
    assert after.expires_at == before.expires_at
    _age(app, last_seen_at=timedelta(minutes=2))
    app.call("GET", f"{AUTH}/auth/session")
    assert session_of(app).last_seen_at >= after.last_seen_at, "the session token counts as use, too"


def test_staff_are_signed_out_sooner() -> None:
    sam = person("sam", staff=True)
    life = sam.session.expires_at - sam.session.created_at
    assert life == timeouts.STAFF.life < timeouts.limits(staff=False).life
    LoginSession.objects.filter(id=sam.session.id).update(last_seen_at=timezone.now() - timedelta(minutes=31))
    assert sam.app().me().code == "session_ended"


@pytest.mark.parametrize("staff", [False, True])
def test_all_who_judge_a_session_judge_alike(*, staff: bool) -> None:
    ana = person("ana", staff=staff)
    limits = timeouts.limits(staff=staff)
    a_moment, now = timedelta(seconds=30), timezone.now()
    for changed, live in (
        ({}, True),
        ({"last_seen_at": now - limits.idle + a_moment}, True),
        ({"last_seen_at": now - limits.idle - a_moment}, False),
        ({"last_seen_at": now, "expires_at": now + a_moment}, True),
        ({"expires_at": now - a_moment}, False),
        ({"expires_at": now + a_moment, "ended_at": now, "end_reason": SessionEnd.REVOKED}, False),
    ):
        LoginSession.objects.filter(id=ana.session.id).update(**changed)
        assert _judgements(ana) == {live}


@pytest.mark.parametrize("staff", [False, True])
def test_whoever_is_not_active_has_no_live_session(*, staff: bool) -> None:
    """Not even one that nobody has ended."""
    ana = person("ana", staff=staff)
    assert _judgements(ana) == {True}
    User.objects.filter(id=ana.user.id).update(is_active=False)
    assert _judgements(ana) == {False}


def _judgements(who: Person) -> set[bool]:
    """Return what all say who judge whether a session lives."""
    session = LoginSession.objects.select_related("user").get(id=who.session.id)
    return {
        timeouts.is_live(session, timezone.now()),
        _passes(lambda: standing.check(who.caller, Permission.PAY)),
        _passes(lambda: transactions.run(lambda tx: Standing(tx, [who.caller], []).admit(who.caller, Permission.PAY))),
    }


def _passes(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except SessionEnded:
        return False
    return True
