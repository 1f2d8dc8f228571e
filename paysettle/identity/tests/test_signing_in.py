"""Signing up, verifying, signing in and out, over HTTP."""

import logging
import secrets
import time
from smtplib import SMTPRecipientsRefused

import pytest
from django.contrib.sessions.models import Session

from paysettle.events.models import Event
from paysettle.identity.models import LoginSession, Membership, Party, PartyState, User
from paysettle.identity.tests.app_client import AUTH, PASSWORD, App, at_once, code_mailed_to
from paysettle.identity.tests.people import person
from paysettle.kernel import identifiers
from tests.throttled import as_in_production


def fresh(name: str) -> tuple[str, str]:
    """Return a handle and an address that nobody has."""
    handle = f"{name}-{secrets.token_hex(4)}"
    return handle, f"{handle}@example.org"


def signed_up(name: str) -> tuple[App, str, str]:
    """Sign somebody up and in, over HTTP."""
    handle, email = fresh(name)
    app = App()
    app.sign_up(handle, email)
    code = code_mailed_to(email)
    assert code is not None
    assert app.verify(code).status == 200
    return app, handle, email


@pytest.mark.money
def test_the_whole_way() -> None:
    handle, email = fresh("ana")
    app = App()

    answer = app.sign_up(handle, email)
    assert answer.status == 401
    assert {"id": "verify_email", "is_pending": True} in answer.json["data"]["flows"]
    assert app.access_token == ""

    code = code_mailed_to(email)
    assert code is not None
    answer = app.verify(code)
    assert answer.status == 200
    assert answer.json["meta"]["is_authenticated"] is True
    assert answer.json["meta"]["expires_in"] == 300
    assert answer.json["data"]["user"]["id"].startswith("usr_")

    me = app.me()
    assert me.status == 200
    assert me.json["handle"] == handle
    own = {"id": me.json["party"], "handle": handle, "kind": "person", "state": "active", "role": "owner"}
    assert me.json["parties"] == [own]

    before = app.access_token
    assert app.refresh().status == 200
    assert app.access_token != before
    assert app.me().status == 200

    assert app.sign_out().status == 401
    assert app.me().code == "session_ended"
    assert app.refresh().code == "session_ended"


def test_user_party_and_membership_are_made_together() -> None:
    handle, email = fresh("ben")
    App().sign_up(handle.upper(), email)
    user = User.objects.get(username=handle)
    assert user.own_party.handle == handle
    assert Membership.objects.get(user=user).party == user.own_party
    streams = Event.objects.filter(stream__in=[_usr(user), identifiers.show("par", user.own_party_id)])
    assert user.own_party.state == PartyState.PENDING, "until the address is confirmed"
    assert set(streams.values_list("type", flat=True)) == {
        "paysettle.person.registered.v1",
    }
    assert email not in "".join(streams.values_list("data", flat=True))


@pytest.mark.parametrize("handle", ["ab", "a" * 31, "-ana", "ana-", "an a", "änä", "par_" + "0" * 26, "admin"])
def test_a_name_that_cannot_be_a_handle_is_refused(handle: str) -> None:
    answer = App().sign_up(handle, f"{secrets.token_hex(4)}@example.org")
    assert answer.status == 400
    assert answer.json["errors"][0]["param"] == "username"


def test_a_handle_is_never_given_twice() -> None:
    handle, email = fresh("cem")
    App().sign_up(handle, email)
    answer = App().sign_up(handle, f"other-{email}")
    assert answer.code == "username_taken"
    assert Party.objects.filter(handle=handle).count() == 1


@pytest.mark.parametrize("password", ["{handle}-12", "{email}"])
def test_a_password_that_is_nearly_the_name_or_the_address_is_refused(password: str) -> None:
    handle, email = fresh("margarethe")
    answer = App().sign_up(handle, email, password.format(handle=handle, email=email))
    assert answer.status == 400
    assert answer.json["errors"][0] | {"message": ""} == {
        "param": "password", "code": "password_too_similar", "message": ""
    }  # fmt: skip
    assert not User.objects.filter(username=handle).exists()


@pytest.mark.parametrize("error", [ConnectionRefusedError(), SMTPRecipientsRefused({"x@example.org": (550, b"no")})])
def test_a_mail_server_that_is_away_does_not_stop_a_sign_up(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The person is there; another code can be asked for when the mail server is back."""
    handle, email = fresh("zora")
    app = App()

    def refuse(*_: object) -> int:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
        assert app.sign_up(handle, email).status == 401
    assert email not in capsys.readouterr().err
    assert app.call("POST", f"{AUTH}/auth/email/verify/resend").status == 200
    code = code_mailed_to(email)
    assert code is not None
    assert app.verify(code).status == 200


def test_signing_in_by_name_or_by_address() -> None:
    _, handle, email = signed_up("dora")
    for login in ({"username": handle}, {"email": email}, {"email": email.upper()}):
        app = App()
        assert app.sign_in(**login).status == 200
        assert app.me().json["handle"] == handle


def test_nobody_signs_in_before_the_address_is_verified() -> None:
    handle, email = fresh("emil")
    App().sign_up(handle, email)
    app = App()
    answer = app.sign_in(username=handle)
    assert answer.status in {401, 429}
    assert app.access_token == ""


def test_a_wrong_code_is_refused_and_the_third_ends_the_attempt() -> None:
    handle, email = fresh("fay")
    app = App()
    app.sign_up(handle, email)
    code = code_mailed_to(email)
    assert code is not None
    for _ in range(3):
        assert app.verify("AAAA-AAAA").code == "incorrect_code"
    assert app.verify(code).status == 409


@pytest.mark.parametrize("ten_minutes_s", [599, 601])
def test_a_code_of_a_mail_lives_for_ten_minutes_at_most(ten_minutes_s: int, monkeypatch: pytest.MonkeyPatch) -> None:
    handle, email = fresh("ana")
    app = App()
    app.sign_up(handle, email)
    code = code_mailed_to(email)
    assert code is not None
    now_s = time.time()
    monkeypatch.setattr(time, "time", lambda: now_s + ten_minutes_s)
    assert app.verify(code).status == (200 if ten_minutes_s < 600 else 409)
    if ten_minutes_s < 600:  # one for a new password lives shorter still
        app.call("POST", f"{AUTH}/auth/password/request", {"email": email})
        key = code_mailed_to(email)
        monkeypatch.setattr(time, "time", lambda: now_s + ten_minutes_s + 601)
        assert app.call("POST", f"{AUTH}/auth/password/reset", {"key": key, "password": "x y z " * 4}).status == 409


def test_the_session_token_changes_with_signing_in() -> None:
    """A session that somebody else planted before must not become a signed-in one."""
    _, handle, _ = signed_up("gus")
    app = App()
    app.call("POST", f"{AUTH}/auth/password/request", {"email": "nobody@example.org"})
    planted = app.session_token
    app.sign_in(username=handle)
    assert planted is not None
    assert app.session_token not in {None, planted}
    outsider = App()
    outsider.session_token = planted
    assert outsider.call("GET", f"{AUTH}/auth/session").status == 410


def test_each_sign_in_has_tokens_of_its_own() -> None:
    handle = person("ana").handle
    devices = [App() for _ in range(3)]
    for device in devices:
        assert device.sign_in(username=handle).status == 200
    for token in ("session_token", "access_token", "refresh_token"):
        assert len({getattr(device, token) for device in devices} - {None}) == 3, token


def test_the_access_token_serves_as_session_token() -> None:
    app, handle, _ = signed_up("hana")
    app.session_token = None
    answer = app.call("GET", f"{AUTH}/auth/session", Authorization=f"Bearer {app.access_token}")
    assert answer.status == 200
    assert answer.json["data"]["user"]["username"] == handle
    assert "session_token" not in answer.json["meta"]
    app.call("DELETE", f"{AUTH}/auth/session", Authorization=f"Bearer {app.access_token}")
    assert app.me().code == "session_ended"


def test_one_device_signs_out_and_the_other_stays() -> None:
    phone, handle, _ = signed_up("ida")
    laptop = App()
    laptop.sign_in(username=handle)
    phone.sign_out()
    assert phone.me().status == 401
    assert laptop.me().status == 200


def test_the_database_holds_no_session_key() -> None:
    app, handle, _ = signed_up("jon")
    key = app.session_token
    assert not Session.objects.filter(session_key=key).exists()
    session = LoginSession.objects.get(user__username=handle, ended_at=None)
    row = Session.objects.get(session_key=bytes(session.django_session).hex()[:40])
    assert str(key) not in row.session_data
    outsider = App()
    outsider.session_token = row.session_key  # a stolen table opens nothing
    assert outsider.call("GET", f"{AUTH}/auth/session").status == 410


@pytest.mark.money
def test_wrong_passwords_that_come_at_once_are_all_counted() -> None:
    """Processes share the count: it is kept in the database, under the lock of its row."""
    _, handle, _ = signed_up("lou")
    place = {"REMOTE_ADDR": "198.51.100.200"}

    def guess() -> int:
        device = App()
        device._client.defaults.update(place)
        return device.sign_in("wrong password", username=handle).status

    with as_in_production():
        statuses = at_once(*[guess] * 10)
    assert sorted(statuses) == [400] * 5 + [429] * 5


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"username": "ana", "password": "\\ud800"}', 400),
        (b'{"email": "\\ud800@example.org", "password": "x"}', 400),
        (b'{"username": "ana", "username": "ben", "password": "x"}', 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b'{"password": "' + b"x" * 70_000 + b'"}', 413),
        (b'{"username": {"a": 1}, "password": ["x"]}', 400),
    ],
)
def test_bodies_that_are_not_strict_json_are_refused(body: bytes, status: int) -> None:
    assert App().call("POST", f"{AUTH}/auth/login", body).status == status


def test_no_secret_and_no_address_in_the_log(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("django.db.backends").setLevel(logging.INFO)  # statements are no log of ours
        app, handle, email = signed_up("mia")
        App().sign_in("a wrong password", username=handle)
        spent = app.refresh_token
        app.refresh()
        app.sign_out()
    text = capsys.readouterr().err + caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "tokens/refresh" in text  # control: these requests are what was logged
    for secret in (PASSWORD, "a wrong password", email, app.session_token, app.access_token, app.refresh_token, spent):
        assert str(secret) not in text


def _usr(user: User) -> str:
    return identifiers.show("usr", user.id)
