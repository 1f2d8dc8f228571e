"""What a person does counts for the person in whatever session, a key for itself and with the person's other keys.

Each throttle has a control.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.utils import is_mfa_enabled
from django.utils import timezone

from paysettle.api import throttling
from paysettle.identity.adapters import AccountAdapter
from paysettle.identity.api.allauth_views import CodeAgainInput, CodeInput
from paysettle.identity.models import LoginSession
from paysettle.identity.operations import sessions
from paysettle.identity.roles import Permission, Role
from paysettle.identity.tests.app_client import AUTH, Answer, App, at_once
from paysettle.identity.tests.attempts import WRONG, address, app_at, change_password, email, invite, without
from paysettle.identity.tests.people import Person, person
from paysettle.kernel import identifiers, throttles
from paysettle.kernel.throttles import Buckets, Limit
from tests import machines
from tests import people as payers
from tests.codes import code_of, give_second_factor
from tests.companies import company, send
from tests.throttled import Clock, as_in_production

pytestmark = pytest.mark.shared


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    with as_in_production() as found:
        yield found


class StandingStill(Buckets):
    """Buckets for which no time passes."""

    def take(self, subject: object, _clock: Callable[[], float] = time.monotonic) -> None:
        super().take(subject, lambda: 0.0)


def test_reads_writes_and_invitations_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "READ", Limit("test.read", 6, 60, portion=2))
    monkeypatch.setattr(throttling, "WRITE", Limit("test.write", 3, 60))
    ana, ben = payers.person("ana"), payers.person("ben")
    mark = {"up_to": "ntf_x"}
    assert [send(ana, "GET", "/api/v1/accounts").status for _ in range(7)] == [200] * 6 + [429]
    assert [send(ana, "POST", "/api/v1/inbox/read", mark).status for _ in range(4)] == [404] * 3 + [429]
    refused = send(ana, "GET", "/api/v1/me")
    assert (refused.document["code"], refused.headers["Retry-After"]) == ("throttled", "60")
    assert send(ben, "GET", "/api/v1/accounts").status == 200
    # Control: without the throttle of reads they go on.
    with without(throttling.READ):
        assert send(ana, "GET", "/api/v1/accounts").status == 200


def test_all_sessions_of_a_person_share_what_they_have_and_each_key_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throttling, "READ", Limit("test.keys", 4, 60))
    ana = payers.person("ana")
    devices = [ana, *(replace(ana, session=sessions.begin(ana.user, secrets.token_hex(16))) for _ in range(2))]
    reads = "/api/v1/accounts"
    assert [send(device, "GET", reads).status for device in devices * 2] == [200] * 4 + [429] * 2
    for key in [machines.new_key(ana) for _ in range(2)]:
        assert [machines.send(key, "GET", reads).status for _ in range(5)] == [200] * 4 + [429]


def test_many_keys_are_not_many_times_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """All keys of a person may together what ten of them may; sessions are counted apart."""
    monkeypatch.setattr(throttling, "READ", Limit("test.key", 2, 60))
    monkeypatch.setattr(throttling, "READ_BY_KEYS", Limit("test.all-keys", 6, 60))
    ana, ben, reads = payers.person("ana"), payers.person("ben"), "/api/v1/accounts"
    stolen, *others = [machines.new_key(ana) for _ in range(4)]
    assert [machines.send(stolen, "GET", reads).status for _ in range(20)] == [200] * 2 + [429] * 18
    assert [machines.send(key, "GET", reads).status for key in others * 2] == [200] * 4 + [429] * 2
    assert send(ana, "GET", reads).status == 200
    assert machines.send(machines.new_key(ben), "GET", reads).status == 200
    # Control: without the limit of all of them a new key has what one has.
    with without(throttling.READ_BY_KEYS):
        assert machines.send(machines.new_key(ana), "GET", reads).status == 200
    assert machines.send(machines.new_key(ana), "GET", reads).status == 429


def test_many_keys_do_not_pay_many_times_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, ben = payers.person("ana"), payers.person("ben")
    payers.deposit(ana, 100)
    monkeypatch.setattr(throttling, "PAYMENTS", StandingStill(rate_per_s=1, burst=2))
    monkeypatch.setattr(throttling, "PAYMENTS_BY_KEYS", StandingStill(rate_per_s=1, burst=5))
    order = {"payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}}
    keys = [machines.new_key(ana) for _ in range(3)]
    assert [machines.send(key, "POST", "/api/v1/payments", order).status for key in keys * 2] == [201] * 5 + [429]
    assert send(ana, "POST", "/api/v1/payments", order).status == 201
    # Control: without it another key pays.
    another = machines.new_key(ana)
    assert machines.send(another, "POST", "/api/v1/payments", order).status == 429
    monkeypatch.setattr(throttling, "PAYMENTS_BY_KEYS", StandingStill(rate_per_s=1, burst=50))
    assert machines.send(another, "POST", "/api/v1/payments", order).status == 201


def test_what_all_keys_of_a_person_may_is_ten_times_what_one_may() -> None:
    assert (throttling.READ_BY_KEYS.most, throttling.WRITE_BY_KEYS.most) == (12_000, 3_000)
    assert (throttling.PAYMENTS_BY_KEYS.rate_per_s, throttling.PAYMENTS_BY_KEYS.burst) == (500, 2000)


@pytest.mark.parametrize("stolen", ["key", "token of an ended session", "session"])
def test_who_has_got_hold_of_a_credential_keeps_nobody_from_ending_it(
    stolen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: with every credential counted for the person, its owner has nothing left."""
    monkeypatch.setattr(throttling, "WRITE", Limit("test.stolen", 3, 60))

    def attacked() -> int:
        ana = payers.person("ana")
        key = machines.new_key(ana, {Permission.PAYMENT_READ})
        other = replace(ana, session=sessions.begin(ana.user, secrets.token_hex(16)))
        if stolen == "token of an ended session":
            sessions.end(by=other.caller, session_id=other.session.id)
        for _ in range(5):
            if stolen == "key":
                assert machines.send(key, "POST", "/api/v1/settlements", {}).status in {403, 429}
            elif stolen == "session":
                assert send(other, "POST", "/api/v1/me/profile", {}).status in {200, 429}
            else:
                assert send(other, "POST", "/api/v1/settlements", {}).status in {401, 429}
        revoke = f"/api/v1/api-keys/{identifiers.show('key', key.key.id)}/revoke"
        return send(ana, "POST", revoke).status

    assert attacked() == 200
    count = throttling.count
    monkeypatch.setattr(throttling, "count", lambda request, _subject, **_: count(request, "the person"))
    assert attacked() == 429


def test_whoever_is_refused_is_counted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: in the same words, without the limit."""
    monkeypatch.setattr(throttling, "WRITE", Limit("test.refused", 3, 60))
    firm, eve, gone, stale = (
        company(payers.person("olga")),
        *(payers.person(name) for name in ("eve", "mia", "zoe")),
    )
    sessions.end(by=gone.caller, session_id=gone.session.id)
    LoginSession.objects.filter(id=stale.session.id).update(authenticated_at=timezone.now() - timedelta(hours=1))
    ben = firm.acted_for_by(payers.person("ben"))
    leave, profile = f"{firm.path}/leave", "/api/v1/me/profile"
    refused: dict[str, Callable[[], int]] = {
        "another's": lambda: send(eve, "POST", leave).status,
        "for another": lambda: send(ben, "POST", profile, {}).status,
        "ended": lambda: send(gone, "POST", profile, {}).status,
        "stale": lambda: send(stale, "POST", "/api/v1/me/sessions/end-others").status,
    }
    expected = {"another's": 404, "for another": 403, "ended": 401, "stale": 403}
    for name, attempt in refused.items():
        assert [attempt() for _ in range(4)] == [expected[name]] * 3 + [429], name
        with without(throttling.WRITE):
            assert attempt() == expected[name]


def test_a_refusal_takes_nothing_of_a_limit_for_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: what is done does, below."""
    take = throttles.take
    narrow = Limit("test.invitations", 2, 60)
    monkeypatch.setattr(
        throttles, "take", lambda asked, who: take(narrow if asked == throttling.INVITATION else asked, who)
    )
    olga = payers.person("olga")
    firm = company(olga)

    def invite() -> int:
        body = {"email": f"{secrets.token_hex(4)}@example.org", "role": "payer"}
        return send(olga, "POST", f"{firm.path}/invitations", body).status

    sessions_of_olga = LoginSession.objects.filter(id=olga.session.id)
    sessions_of_olga.update(authenticated_at=timezone.now() - timedelta(hours=1))
    assert [invite() for _ in range(4)] == [403] * 4
    sessions_of_olga.update(authenticated_at=timezone.now())
    refused = {"no address": 422, f"{secrets.token_hex(4)}@example.org": 403}
    admin = firm.join(payers.person("adam"), Role.ADMIN)
    for email_, status in refused.items():
        for _ in range(4):
            assert send(admin, "POST", f"{firm.path}/invitations", {"email": email_, "role": "owner"}).status == status
    assert [invite() for _ in range(3)] == [201, 201, 429]


def test_who_brings_no_token_of_ours_is_counted_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "READ", Limit("test.junk", 3, 60))
    place = address()
    junk = [app_at(place).me("junk").status for _ in range(4)]
    assert junk == [401] * 3 + [429]
    assert app_at(address()).me("junk").status == 401
    with without(throttling.READ):
        assert app_at(place).me("junk").status == 401


def test_who_brings_no_token_is_counted_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "READ", Limit("test.nothing", 3, 60))
    place = address()
    assert [app_at(place).call("GET", "/api/v1/me").status for _ in range(4)] == [401] * 3 + [429]
    assert app_at(address()).call("GET", "/api/v1/me").status == 401
    with without(throttling.READ):
        assert app_at(place).call("GET", "/api/v1/me").status == 401


def test_invitations_of_all_companies_of_a_person_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (throttling.INVITATION.most, throttling.INVITATION.window_s) == (100, 86_400)
    monkeypatch.setattr(throttling, "INVITATION", Limit("test.together", 4, 60))
    olga = payers.person("olga")
    firms = [company(olga) for _ in range(2)]
    assert [invite(firms[n % 2], email()) for n in range(5)] == [201] * 4 + [429]
    with without(throttling.INVITATION):
        assert invite(firms[0], email()) == 201


def test_a_payer_has_a_burst_and_then_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, ben = payers.person("ana"), payers.person("ben")
    for somebody in (ana, ben):
        payers.deposit(somebody, 100)
    monkeypatch.setattr(throttling, "PAYMENTS", StandingStill(rate_per_s=1, burst=3))
    order = {"payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}}
    key = machines.new_key(ana)
    statuses = [send(ana, "POST", "/api/v1/payments", order).status for _ in range(3)]
    assert statuses == [201] * 3
    refused = send(ana, "POST", "/api/v1/payments", order, **{"Idempotency-Key": "again"})
    assert (refused.status, refused.document["code"]) == (429, "throttled")
    assert refused.headers["Retry-After"] == "1"
    assert [machines.send(key, "POST", "/api/v1/payments", order).status for _ in range(4)] == [201] * 3 + [429]
    back = {"payee": ana.handle, "amount": {"amount": 1, "currency": "EUR"}}
    assert send(ben, "POST", "/api/v1/payments", back).status == 201
    # The control: with room in the bucket the same request is paid, and nothing was kept under its key.
    monkeypatch.setattr(throttling, "PAYMENTS", StandingStill(rate_per_s=1, burst=3))
    assert send(ana, "POST", "/api/v1/payments", order, **{"Idempotency-Key": "again"}).status == 201


def test_what_is_allowed_by_default_leaves_room_for_a_busy_payer() -> None:
    assert (throttling.PAYMENTS.rate_per_s, throttling.PAYMENTS.burst) == (50, 200)


def signed_in(who: Person, place: str) -> App:
    app = app_at(place)
    app.sign_in(username=who.handle)
    if is_mfa_enabled(who.user):
        assert app.enter_code(code_of(who.user)).status == 200
    return app


def show_password_again(app: App) -> Answer:
    return app.show_password_again(WRONG)


def show_code_again(app: App) -> Answer:
    return app.show_code_again("000000")


AGAIN = [change_password, show_password_again, show_code_again]


def five_wrong_ones_in_one_session_and_one_in_another(attempt: Callable[[App], Answer]) -> list[int]:
    """Try in two sessions of one person at one place, then show who is there in the second."""
    ana, place = person("ana"), address()
    if attempt is show_code_again:
        give_second_factor(ana.user)
    stolen, own = signed_in(ana, place), signed_in(ana, place)
    statuses = [attempt(device).status for device in [*[stolen] * 6, own]]
    if attempt is show_code_again:
        return [*statuses, own.show_code_again(code_of(ana.user)).status]
    return [*statuses, own.show_password_again().status]


@pytest.mark.parametrize("attempt", AGAIN)
def test_wrong_ones_in_one_session_keep_no_other_from_showing_who_is_there(attempt: Callable[[App], Answer]) -> None:
    """Whoever has got hold of one session would keep its owner, by wrong ones, from ending it."""
    assert five_wrong_ones_in_one_session_and_one_in_another(attempt) == [400] * 5 + [429, 400, 200]


@pytest.mark.parametrize("attempt", AGAIN)
def test_control_counted_for_the_person_they_do(
    attempt: Callable[[App], Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CodeAgainInput, "counted_for", CodeInput.counted_for)
    monkeypatch.setattr(AccountAdapter, "reauthenticate", DefaultAccountAdapter.reauthenticate)
    assert five_wrong_ones_in_one_session_and_one_in_another(attempt) == [400] * 5 + [429] * 3


@pytest.mark.parametrize("attempt", AGAIN)
def test_control_without_the_throttle_they_go_on(attempt: Callable[[App], Answer]) -> None:
    with without(throttling.WRONG_PASSWORD_AGAIN), without(throttling.WRONG_CODE):
        assert five_wrong_ones_in_one_session_and_one_in_another(attempt) == [400] * 7 + [200]


def test_strangers_who_fail_to_sign_in_keep_nobody_who_has_from_showing_their_password_again() -> None:
    ana = person("ana")
    app = signed_in(ana, address())
    for _ in range(throttling.WRONG_TO_ACCOUNT.most):
        app_at(address()).sign_in(WRONG, email=ana.email)
    app._client.defaults["REMOTE_ADDR"] = address()
    assert app_at(address()).sign_in(email=ana.email).status == 429
    assert app.show_password_again().status == 200
    assert app_at(app._client.defaults["REMOTE_ADDR"]).sign_in(email=ana.email).status == 200, "known there since then"


def test_right_passwords_shown_again_do_not_count() -> None:
    app = signed_in(person("ana"), address())
    assert [app.show_password_again().status for _ in range(7)] == [200] * 7


def test_one_session_is_one_from_wherever_and_however_it_is_brought() -> None:
    app = signed_in(person("ana"), address())
    statuses = []
    for n in range(6):
        app._client.defaults["REMOTE_ADDR"] = address()
        if n == 3:
            assert app.show_password_again().status == 200, "the session has another key from now on"
        if n % 2:
            by_token = app_at(address())
            body = {"password": WRONG}
            bearer = {"Authorization": f"Bearer {app.access_token}"}
            statuses.append(by_token.call("POST", f"{AUTH}/auth/reauthenticate", body, **bearer).status)
        else:
            statuses.append(show_password_again(app).status)
    assert statuses == [400] * 5 + [429]


def test_wrong_ones_at_once_are_all_counted() -> None:
    app = signed_in(person("ana"), address())
    answers = at_once(*[lambda: show_password_again(app) for _ in range(8)])
    assert sorted(answer.status for answer in answers) == [400] * 5 + [429] * 3


def test_a_wrong_password_again_says_how_long_to_wait() -> None:
    app = signed_in(person("ana"), address())
    answers = [attempt(app) for attempt in [change_password, show_password_again] * 3]
    assert [answer.status for answer in answers] == [400] * 5 + [429]
    assert (answers[5].code, answers[5].headers["Retry-After"]) == ("throttled", "300")
