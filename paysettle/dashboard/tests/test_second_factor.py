"""Staff and their second factor: without one they can do nothing but set one up, by the pages and by the API."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from paysettle.dashboard import sign_in
from paysettle.dashboard.tests.staff import browser_of, list_url, member, newcomer, registered, text
from paysettle.identity import pending_sign_in, queries, standing, timeouts
from paysettle.identity.models import LoginSession, User
from paysettle.identity.operations import passwords, people, sessions
from paysettle.identity.standing import SecondFactorRequired
from tests.codes import code_for, code_of, give_second_factor
from tests.http import InProcess
from tests.people import PASSWORD, Person, deposit, pay, person
from tests.throttled import as_in_production

pytestmark = pytest.mark.shared

INDEX = reverse("admin:index")
LOGIN = reverse("admin:login")
CODE = reverse("admin:second_factor")
SET_UP = reverse("admin:set_up_second_factor")


@pytest.fixture
def _one_window() -> Iterator[None]:
    """Let limits be what they are in production, and no window end during a test."""
    with as_in_production():
        yield


def after_password(who: Person) -> Client:
    """Take the first step and return the browser."""
    client = Client()
    assert client.post(LOGIN, {"username": who.handle, "password": PASSWORD}).status_code == 302
    return client


def opens(browser: Client) -> bool:
    """Tell whether a browser may see the staff's pages: all of them or none."""
    seen = {browser.get(path).status_code for path in (INDEX, *map(list_url, registered()))}
    assert seen in ({200}, {302})
    return seen == {200}


def test_the_password_alone_opens_nothing() -> None:
    dara = member("dara")
    browser = after_password(dara)
    assert not opens(browser)
    assert "_auth_user_id" not in browser.session, "nobody is signed in between the steps"
    assert browser.post(CODE, {"code": code_of(dara.user)}).status_code == 302
    assert opens(browser)


def test_control_without_the_question_a_session_without_a_factor_opens_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: it is enough to be staff."""
    nora = newcomer("nora")
    browser = after_password(nora)
    assert not opens(browser)
    monkeypatch.setattr(sign_in, "may_enter", lambda request: sign_in._is_staff(request.user))
    assert opens(browser)


def test_who_has_none_is_led_to_set_it_up_and_gets_in_by_it() -> None:
    nora = newcomer("nora")
    browser = Client()
    answer = browser.post(LOGIN, {"username": nora.handle, "password": PASSWORD, "next": INDEX})
    assert answer.headers["Location"].startswith(SET_UP)
    assert browser.get(INDEX, follow=True).redirect_chain[-1][0].startswith(SET_UP)
    page = text(browser.get(SET_UP))
    assert "<svg" in page
    secret = browser.session["mfa.totp.secret"]
    assert secret in page
    wrong = browser.post(SET_UP, {"code": "000000"})
    assert (wrong.status_code, secret in text(wrong)) == (403, True), "a slip does not start anew"
    done = text(browser.post(SET_UP, {"code": code_for(secret)}))
    assert done.count("<li><code>") == 10, "the recovery codes, this once"
    assert opens(browser)
    assert queries.has_second_factor(nora.user)
    assert browser.get(SET_UP).status_code == 302, "there is nothing to set up any more"


def test_a_session_from_before_does_not_rise_with_it() -> None:
    """Somebody who stole the password signed in first; the person then sets up their factor elsewhere."""
    nora = newcomer("nora")
    thief = after_password(nora)
    give_second_factor(nora.user)
    assert not opens(thief)
    assert thief.get(SET_UP).status_code == 302
    assert InProcess(nora).get("/api/v1/me").document["code"] == "second_factor_required"


def test_only_staff_who_signed_in_just_now_set_one_up() -> None:
    ana, nora = person("ana"), newcomer("nora")
    assert Client().get(SET_UP).status_code == 302
    stranger = Client()
    stranger.force_login(ana.user)
    assert stranger.get(SET_UP).status_code == 302
    browser = after_password(nora)
    LoginSession.objects.filter(user=nora.user).update(authenticated_at=timezone.now() - timedelta(hours=1))
    assert browser.get(SET_UP).status_code == 302
    assert not queries.has_second_factor(nora.user)


def test_a_recovery_code_serves_once() -> None:
    nora = newcomer("nora")
    codes = give_second_factor(nora.user)
    browser = after_password(nora)
    assert browser.post(CODE, {"code": codes[0]}).status_code == 302
    assert opens(browser)
    again = after_password(nora)
    assert again.post(CODE, {"code": codes[0]}).status_code == 403
    assert not opens(again)


@pytest.mark.usefixtures("_one_window")
def test_the_sixth_wrong_code_is_not_looked_at() -> None:
    dara = member("dara")
    browser = after_password(dara)
    assert [browser.post(CODE, {"code": "000000"}).status_code for _ in range(5)] == [403] * 5
    answer = after_password(dara).post(CODE, {"code": code_of(dara.user)})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_the_second_step_is_for_whoever_took_the_first_not_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    dara = member("dara")
    assert Client().post(CODE, {"code": code_of(dara.user)}).headers["Location"].startswith(LOGIN)
    browser = after_password(dara)
    monkeypatch.setattr(sign_in, "BETWEEN_STEPS_S", -1)
    assert browser.post(CODE, {"code": code_of(dara.user)}).headers["Location"].startswith(LOGIN)
    monkeypatch.undo()
    browser = after_password(dara)
    User.objects.filter(id=dara.user.id).update(staff_role="")
    assert browser.post(CODE, {"code": code_of(dara.user)}).headers["Location"].startswith(LOGIN)


def test_a_change_of_password_between_the_steps_leads_back_to_the_first() -> None:
    dara = member("dara")
    browser = after_password(dara)
    code = code_of(dara.user)
    passwords.change(by=dara.user, password="another horse battery staple", keep_session=None)
    assert browser.post(CODE, {"code": code}).headers["Location"].startswith(LOGIN)
    assert not opens(browser)
    again = Client()
    again.post(LOGIN, {"username": dara.handle, "password": "another horse battery staple"})
    again.post(CODE, {"code": code})
    assert opens(again), "no code was spent"


def test_control_a_first_step_that_is_bound_to_no_password_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: whoever once had the password needs only a code."""
    monkeypatch.setattr(pending_sign_in, "is_of_password", lambda _session, _user: True)
    dara = member("dara")
    browser = after_password(dara)
    passwords.change(by=dara.user, password="another horse battery staple", keep_session=None)
    browser.post(CODE, {"code": code_of(dara.user)})
    assert opens(browser)


def test_the_session_has_another_key_after_each_step() -> None:
    """A session that somebody else planted in the browser must not become a signed-in one."""
    dara = member("dara")
    browser = Client()
    browser.get(LOGIN)
    browser.session.save()
    keys = [browser.session.session_key]
    browser.post(LOGIN, {"username": dara.handle, "password": PASSWORD})
    keys.append(browser.session.session_key)
    browser.post(CODE, {"code": code_of(dara.user)})
    keys.append(browser.session.session_key)
    assert len({*keys}) == 3
    for planted in keys[:2]:
        other = Client()
        other.cookies["sessionid"] = str(planted)
        assert not opens(other)


def test_idle_staff_sign_in_anew() -> None:
    dara = member("dara")
    browser = browser_of(dara)
    session = LoginSession.objects.filter(user=dara.user).latest("created_at")
    idle = timeouts.STAFF.idle
    LoginSession.objects.filter(id=session.id).update(last_seen_at=timezone.now() - idle + timedelta(minutes=1))
    assert opens(browser)
    session.refresh_from_db()
    assert timezone.now() - session.last_seen_at < timedelta(minutes=1), "looking at a page is use"
    LoginSession.objects.filter(id=session.id).update(last_seen_at=timezone.now() - idle)
    assert not opens(browser)
    assert "User name" in text(browser.get(LOGIN))
    browser.post(LOGIN, {"username": dara.handle, "password": PASSWORD})
    browser.post(CODE, {"code": code_of(dara.user)})
    assert opens(browser)


def test_a_session_ended_from_elsewhere_closes_the_pages() -> None:
    dara = member("dara")
    browser = browser_of(dara)
    sessions.end_others(by=dara.caller)
    assert not opens(browser)


def test_staff_without_one_can_do_nothing_by_the_api_either() -> None:
    nora, ana = newcomer("nora"), person("ana")
    deposit(nora, 100)
    for method, path, body in (
        ("GET", "/api/v1/me", None),
        ("GET", "/api/v1/accounts", None),
        ("POST", "/api/v1/organisations", {"handle": "x", "legal_name": "x", "country": "PT"}),
        ("POST", "/api/v1/payments", {"payee": ana.handle, "amount": {"amount": 1, "currency": "EUR"}}),
    ):
        reply = InProcess(nora).send(method, path, body, **{"Idempotency-Key": "one"})
        assert (reply.status, reply.document["code"]) == (403, "second_factor_required")
    with pytest.raises(SecondFactorRequired):
        people.disable(by=nora.caller, user_id=ana.user.id, reason="because")
    with pytest.raises(SecondFactorRequired):
        people.sign_out(by=nora.caller, user_id=ana.user.id, reason="because")
    assert User.objects.get(id=ana.user.id).is_active
    give_second_factor(nora.user)
    sessions.renew(session_id=nora.session.id, second_factor=True)
    assert pay(nora, ana, 1).status == 201
    assert InProcess(nora).get("/api/v1/me").status == 200


def test_control_without_the_question_the_api_lets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: nobody looks at what the session has shown, neither at the door nor in the batch."""
    judge = standing._judge
    monkeypatch.setattr(standing, "_judge", lambda **said: judge(**{**said, "factor_missing": False}))
    nora, ana = newcomer("nora"), person("ana")
    deposit(nora, 100)
    assert InProcess(nora).get("/api/v1/me").status == 200
    assert pay(nora, ana, 1).status == 201
