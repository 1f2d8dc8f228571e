"""The second factor: setting it up, signing in with it, losing it. Secrets are sealed, codes are good for once."""

import json
import secrets
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import HttpRequest
from django.test import override_settings

from paysettle.api import throttling
from paysettle.events.models import Event
from paysettle.identity import adapters, browser_sessions, one_time_codes, queries
from paysettle.identity.models import LoginSession, User
from paysettle.identity.operations import second_factors
from paysettle.identity.operations.second_factors import SecondFactorExists, WrongCode
from paysettle.identity.tests.app_client import AUTH, PASSWORD, Answer, App, at_once, code_mailed_to
from paysettle.identity.tests.people import Person, person
from paysettle.kernel import encryption
from paysettle.kernel.throttles import Limit
from tests.codes import code_for, code_of, give_second_factor
from tests.plugin import ALL
from tests.throttled import as_in_production

pytestmark = pytest.mark.shared(
    *ALL
)  # MySQL and MariaDB have no conditional unique constraint to keep a second one out

TOTP_PATH = f"{AUTH}/account/authenticators/totp"
RECOVERY_PATH = f"{AUTH}/account/authenticators/recovery-codes"


def set_up(app: App) -> str:
    """Set a second factor up over HTTP and return the code that did it."""
    asked = app.call("GET", TOTP_PATH)
    assert asked.status == 404
    code = code_for(asked.json["meta"]["secret"])
    assert app.call("POST", TOTP_PATH, {"code": code}).status == 200
    return code


def signed_in(who: Person) -> App:
    """Sign in by the password, and by a code where it is asked for."""
    app = App()
    if app.sign_in(username=who.handle).status == 401:
        assert app.enter_code(code_of(who.user)).status == 200
    return app


def types_of(who: Person) -> list[str]:
    """Return what has happened to a person, the newest last."""
    rows = Event.objects.filter(stream=who.caller.actor).order_by("stream_version")
    return [
        type_.removeprefix("paysettle.person.").removesuffix(".v1") for type_ in rows.values_list("type", flat=True)
    ]


def test_from_setting_it_up_to_signing_in_with_it() -> None:
    ana = person("ana")
    app = signed_in(ana)
    key = app.session_token
    set_up(app)
    assert app.session_token != key, "the session has another key"
    assert app.me().status == 200
    assert types_of(ana)[-1] == "second_factor_added"

    device = App()
    first = device.sign_in(username=ana.handle)
    assert first.status == 401
    assert device.access_token == ""
    assert {"id": "mfa_authenticate", "is_pending": True, "types": ["recovery_codes", "totp"]} in first.json["data"][
        "flows"
    ]
    pending = device.session_token
    assert device.enter_code(code_of(ana.user)).status == 200
    assert device.me().status == 200
    assert device.session_token not in {None, pending}, "the session has another key"
    assert device.refresh().status == 200, "a refresh asks for no code"


@override_settings(SECOND_FACTOR_FOR_ALL=True)
def test_where_everybody_needs_one_a_session_without_it_only_sets_it_up() -> None:
    ana = person("ana")
    app = signed_in(ana)
    payment: dict[str, Any] = {"payee": person("ben").handle, "amount": {"amount": 1, "currency": "EUR"}}
    assert app.me().code == "second_factor_required"
    assert _pay(app, payment).code == "second_factor_required"
    set_up(app)
    assert app.me().status == 200
    assert _pay(app, payment).code == "insufficient_funds", "the money is asked now"
    assert app.call("DELETE", TOTP_PATH).code == "last_second_factor"


def test_control_without_the_setting_it_is_each_persons_choice() -> None:
    app = signed_in(person("ana"))
    assert app.me().status == 200
    set_up(app)
    assert app.call("DELETE", TOTP_PATH).status == 200


def _pay(app: App, body: dict[str, Any]) -> Answer:
    bearer = {"Authorization": f"Bearer {app.access_token}", "Idempotency-Key": secrets.token_hex(8)}
    return app.call("POST", "/api/v1/payments", body, **bearer)


def test_a_session_before_the_code_opens_nothing() -> None:
    ana = person("ana")
    give_second_factor(ana.user)
    device = App()
    before = LoginSession.objects.filter(user=ana.user).count()
    device.sign_in(username=ana.handle)
    assert LoginSession.objects.filter(user=ana.user).count() == before
    for method, path, body in (
        ("GET", TOTP_PATH, None),
        ("DELETE", TOTP_PATH, None),
        ("POST", RECOVERY_PATH, None),
        ("POST", f"{AUTH}/account/password/change", {"current_password": PASSWORD, "new_password": "x" * 20}),
    ):
        assert device.call(method, path, body).status == 401
    assert queries.has_second_factor(ana.user)


def _refused_replay(who: Person) -> Answer:
    """Sign in twice with one code and return the second answer."""
    code = code_of(who.user)
    for last in (False, True):
        app = App()
        app.sign_in(username=who.handle)
        answer = app.enter_code(code)
        if last:
            return answer
        assert answer.status == 200
    raise AssertionError


def test_a_code_is_good_for_once() -> None:
    ana = person("ana")
    give_second_factor(ana.user)
    assert _refused_replay(ana).code == "incorrect_code"


def test_control_a_code_that_is_not_noted_is_good_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: nobody writes down which code was used."""
    ana = person("ana")
    give_second_factor(ana.user)
    monkeypatch.setattr(TOTP, "_mark_code_used", lambda _self, _code: True)
    assert _refused_replay(ana).status == 200


def test_of_several_who_bring_one_code_at_once_one_gets_in() -> None:
    ana = person("ana")
    give_second_factor(ana.user)
    code = code_of(ana.user)

    def spend() -> bool:
        try:
            second_factors.spend(by=ana.user, code=code)
        except WrongCode:
            return False
        return True

    assert at_once(*[spend] * 6).count(True) == 1


def test_the_code_that_sets_it_up_is_spent() -> None:
    ana = person("ana")
    app = signed_in(ana)
    code = set_up(app)
    device = App()
    device.sign_in(username=ana.handle)
    assert device.enter_code(code).code == "incorrect_code"


def test_a_code_of_another_time_is_wrong() -> None:
    ana = person("ana")
    give_second_factor(ana.user)
    code = code_of(ana.user)
    now = time.time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("allauth.mfa.totp.internal.auth.time.time", lambda: now + 31)
        with pytest.raises(WrongCode):
            second_factors.spend(by=ana.user, code=code)


@pytest.mark.parametrize(
    "nonsense", ["", "0", "ä" * 6, "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "x" * 5000]
)
def test_what_is_no_code_is_wrong(nonsense: str) -> None:
    ana = person("ana")
    give_second_factor(ana.user)
    device = App()
    device.sign_in(username=ana.handle)
    assert device.enter_code(nonsense).status == 400
    assert device.access_token == ""


def _six_guesses(who: Person) -> tuple[list[str | None], App]:
    """Guess from three devices in turn; return what was answered, and one of the devices."""
    devices = [App() for _ in range(3)]
    for device in devices:
        device.sign_in(username=who.handle)
    return [devices[n % 3].enter_code("000000").code for n in range(6)], devices[0]


def test_the_sixth_guess_is_not_looked_at() -> None:
    ana = person("ana")
    give_second_factor(ana.user)
    with as_in_production():
        answers, device = _six_guesses(ana)
        assert answers == ["incorrect_code"] * 5 + ["throttled"]
        assert device.enter_code(code_of(ana.user)).code == "throttled"


def test_control_without_the_throttle_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: wrong codes are not counted."""
    ana = person("ana")
    give_second_factor(ana.user)
    monkeypatch.setattr(throttling, "WRONG_CODE", Limit("no limit", 10**6, 60))
    with as_in_production():
        answers, device = _six_guesses(ana)
        assert answers == ["incorrect_code"] * 6
        assert device.enter_code(code_of(ana.user)).status == 200


def test_adding_one_ends_the_sessions_that_have_not_shown_it() -> None:
    """Whoever has the password and an old session could take the factor away again by the password alone."""
    ana = person("ana")
    thief, own = App(), App()
    for device in (thief, own):
        assert device.sign_in(username=ana.handle).status == 200
    secret = own.call("GET", f"{AUTH}/account/authenticators/totp").json["meta"]["secret"]
    assert own.call("POST", f"{AUTH}/account/authenticators/totp", {"code": code_for(secret)}).status == 200
    assert thief.me().code == "session_ended"
    assert thief.show_password_again().status in {401, 410}
    assert thief.call("DELETE", f"{AUTH}/account/authenticators/totp").status in {401, 410}
    assert own.refresh().status == 200
    assert own.me().status == 200
    assert queries.has_second_factor(ana.user)


def test_a_reset_of_the_password_does_not_pass_it_by() -> None:
    ana = person("ana")
    give_second_factor(ana.user)
    app, new = App(), "another horse battery staple"
    app.call("POST", f"{AUTH}/auth/password/request", {"email": ana.email})
    code = code_mailed_to(ana.email)
    assert app.call("POST", f"{AUTH}/auth/password/reset", {"key": code, "password": new}).status == 401
    assert app.access_token == ""
    for device in (app, App()):
        assert device.sign_in(new, username=ana.handle).status == 401
        assert device.access_token == ""
        assert device.enter_code(code_of(ana.user)).status == 200


def test_control_without_the_second_step_the_password_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: signing in does not look whether there is a second factor, neither first nor last."""
    ana = person("ana")
    give_second_factor(ana.user)
    monkeypatch.setattr(AuthenticateStage, "_should_handle", lambda _stage, _request: False)
    monkeypatch.setattr(queries, "has_second_factor", lambda _user: False)
    device = App()
    assert device.sign_in(username=ana.handle).status == 200
    assert device.me().status == 200


def test_a_recovery_code_is_good_once_and_is_told() -> None:
    ana = person("ana")
    codes = give_second_factor(ana.user)
    assert len(set(codes)) == 10
    device = App()
    device.sign_in(username=ana.handle)
    assert device.enter_code(codes[3]).status == 200
    assert types_of(ana)[-1] == "recovery_code_used"
    device = App()
    device.sign_in(username=ana.handle)
    assert device.enter_code(codes[3]).code == "incorrect_code"


def test_of_several_who_bring_one_recovery_code_at_once_one_gets_in() -> None:
    ana = person("ana")
    (code, *_) = give_second_factor(ana.user)

    def spend() -> bool:
        try:
            second_factors.spend(by=ana.user, code=code)
        except WrongCode:
            return False
        return True

    assert at_once(*[spend] * 6).count(True) == 1
    assert types_of(ana).count("recovery_code_used") == 1


def test_recovery_codes_are_shown_once_and_replaced() -> None:
    ana = person("ana")
    app = signed_in(ana)
    set_up(app)
    shown = app.call("GET", RECOVERY_PATH).json["data"]["unused_codes"]
    assert "unused_codes" not in app.call("GET", RECOVERY_PATH).json["data"]
    new = app.call("POST", RECOVERY_PATH).json["data"]["unused_codes"]
    assert set(new).isdisjoint(shown)
    assert types_of(ana)[-1] == "recovery_codes_made"
    with pytest.raises(WrongCode):
        second_factors.spend(by=ana.user, code=shown[0])


def test_removing_it() -> None:
    ana = person("ana")
    app = signed_in(ana)
    assert app.call("DELETE", TOTP_PATH).code == "no_second_factor"
    set_up(app)
    assert app.call("DELETE", TOTP_PATH).status == 200
    assert types_of(ana)[-1] == "second_factor_removed"
    assert not Authenticator.objects.filter(user=ana.user).exists()
    assert App().sign_in(username=ana.handle).status == 200


def test_staff_cannot_remove_their_last_one() -> None:
    sam = person("sam", staff=True)
    app = signed_in(sam)
    answer = app.call("DELETE", TOTP_PATH)
    assert (answer.status, answer.code) == (409, "last_second_factor")
    assert queries.has_second_factor(sam.user)
    assert types_of(sam) == ["registered", "second_factor_added"]


def test_a_second_one_is_kept_out_also_when_both_come_at_once() -> None:
    assert _added_at_once(person("ana").user) == 1


def test_control_without_the_lock_there_would_be_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: whether there is one is asked before the lock is held; a database may have no constraint."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has the constraint, and lets one transaction in at a time")
    monkeypatch.setattr(queries, "has_second_factor", lambda _user: False)
    assert _added_at_once(person("ana").user) == 2


def _half_signed_in(who: Person, monkeypatch: pytest.MonkeyPatch) -> App:
    """Sign in by the password while there is no second factor; one is set up before there is a session."""
    begin = browser_sessions.begin

    def late(request: HttpRequest, *, second_factor: bool) -> UUID:
        give_second_factor(who.user)
        return begin(request, second_factor=second_factor)

    monkeypatch.setattr(browser_sessions, "begin", late)
    app = App()
    app.sign_in(username=who.handle)
    return app


def test_a_sign_in_by_the_password_that_a_new_one_overtakes_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    ana = person("ana")
    app = _half_signed_in(ana, monkeypatch)
    assert app.access_token == ""
    assert app.call("DELETE", TOTP_PATH).status == 401
    assert queries.has_second_factor(ana.user)


def test_control_a_session_begun_without_looking_again_removes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug, which was one: the sign-in found no second factor, and the password alone takes it away."""
    ana = person("ana")
    with monkeypatch.context() as patch:
        patch.setattr(queries, "has_second_factor", lambda _user: False)
        app = _half_signed_in(ana, patch)
    assert app.call("DELETE", TOTP_PATH).status == 200
    assert not queries.has_second_factor(ana.user)


def _added_at_once(user: User) -> int:
    def add() -> None:
        secret = one_time_codes.new_secret()
        with suppress(SecondFactorExists):
            second_factors.add(by=user, secret=secret, code=code_for(secret))

    at_once(add, add)
    return int(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).count())


def test_the_database_holds_no_secret_not_even_while_it_is_set_up() -> None:
    ana = person("ana")
    app = signed_in(ana)
    secret = app.call("GET", TOTP_PATH).json["meta"]["secret"]
    session = LoginSession.objects.filter(user=ana.user).latest("created_at")
    row = Session.objects.get(session_key=bytes(session.django_session).hex()[:40])
    assert encryption.unseal(row.session_data, purpose="identity.session")  # control: this is where it is
    assert secret not in row.session_data
    app.call("POST", TOTP_PATH, {"code": code_for(secret)})
    stored = json.dumps(list(Authenticator.objects.filter(user=ana.user).values_list("data", flat=True)))
    seeds = [data["seed"] for data in json.loads(stored) if "seed" in data]
    assert secret not in stored
    assert seeds[0].startswith("sealed1.")
    for code in app.call("GET", RECOVERY_PATH).json["data"]["unused_codes"]:
        assert code not in stored


def test_control_an_adapter_that_seals_nothing_stores_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: what allauth does by itself."""
    monkeypatch.setattr(adapters.SecondFactorAdapter, "encrypt", lambda _adapter, text: text)
    user, secret = person("ana").user, one_time_codes.new_secret()
    TOTP.activate(user, secret)
    assert secret in json.dumps(list(Authenticator.objects.filter(user=user).values_list("data", flat=True)))
    Authenticator.objects.filter(user=user).delete()


def test_keys_rotate() -> None:
    ana, old, new = person("ana"), bytes(range(32)), bytes(range(1, 33))
    with override_settings(ENCRYPTION_KEYS=(old,)):
        give_second_factor(ana.user)
    with override_settings(ENCRYPTION_KEYS=(new, old)):
        second_factors.spend(by=ana.user, code=code_of(ana.user))
        call_command("reseal", verbosity=0)
    with override_settings(ENCRYPTION_KEYS=(new,)):
        second_factors.spend(by=ana.user, code=code_of(ana.user))
        call_command("reseal", verbosity=0)
    with override_settings(ENCRYPTION_KEYS=(old,)), pytest.raises(CommandError, match="nothing was changed"):
        call_command("reseal", verbosity=0)
    Authenticator.objects.filter(user=ana.user).delete()  # nobody else's run could open it


def test_who_has_lost_it_is_helped_by_the_operator() -> None:
    ana = person("ana")
    app = signed_in(ana)
    give_second_factor(ana.user)
    call_command("second_factor", "take-away", ana.handle, verbosity=0)
    assert app.me().code == "session_ended"
    assert App().sign_in(username=ana.handle).status == 200
    taken = Event.objects.get(stream=ana.caller.actor, type="paysettle.person.second_factor_removed.v1")
    assert taken.actor == "operator:second_factor"
    for name in (ana.handle, "nobody-at-all"):
        with pytest.raises(CommandError):
            call_command("second_factor", "take-away", name, verbosity=0)


def test_the_demo_shows_the_code_and_production_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    ana = person("ana")
    with pytest.raises(CommandError, match="for the demo"):
        call_command("totp_code", ana.handle)
    with override_settings(DEMO=True):
        with pytest.raises(CommandError, match="no second factor"):
            call_command("totp_code", ana.handle)
        give_second_factor(ana.user)
        expected = code_of(ana.user)
        call_command("totp_code", ana.handle)
    assert capsys.readouterr().out.strip() == expected
