"""X13: abuse is throttled, for accounts, addresses and people, and honest people go on. Each throttle has a control."""

import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.core import mail
from django.test import override_settings
from django.utils import timezone

from paysettle.api import throttling
from paysettle.identity import mail_throttle
from paysettle.identity.models import LoginSession
from paysettle.identity.operations import sessions
from paysettle.identity.roles import Permission, Role
from paysettle.identity.tests.app_client import AUTH, App, code_mailed_to
from paysettle.identity.tests.people import Person, person
from paysettle.kernel import identifiers, throttles
from paysettle.kernel.throttles import Buckets, Limit, Slot
from tests import machines
from tests import people as payers
from tests.companies import Company, company, send
from tests.throttled import Clock, as_in_production

WRONG = "a wrong password"
FORWARDED = ("X-Forwarded-For", "X-Real-Ip", "X-Client-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip")

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    with as_in_production() as found:
        yield found


def address() -> str:
    """Return an address that nobody has used."""
    number = next(_numbers)
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def app_at(place: str) -> App:
    """Return a device at an address."""
    app = App()
    app._client.defaults["REMOTE_ADDR"] = place
    return app


def guess(name: str, place: str, **headers: str) -> int:
    """Try a wrong password and return the status."""
    return app_at(place).call("POST", f"{AUTH}/auth/login", {"username": name, "password": WRONG}, **headers).status


def signs_in(who: Person, place: str) -> bool:
    return app_at(place).sign_in(username=who.handle).status == 200


@contextmanager
def without(limit: Limit) -> Iterator[None]:
    """Plant the bug: this one limit counts nothing."""
    take = throttles.take

    def lenient(asked: Limit, subject: str) -> Slot:
        return Slot(b"") if asked == limit else take(asked, subject)

    with patch.object(throttles, "take", lenient):
        yield


def email() -> str:
    return f"nobody-{secrets.token_hex(6)}@example.org"


def sign_up(place: str, to: str) -> int:
    return app_at(place).sign_up(f"new-{secrets.token_hex(6)}", to).status


def ask_for_reset(place: str, to: str) -> int:
    return app_at(place).call("POST", f"{AUTH}/auth/password/request", {"email": to}).status


def check_code(place: str) -> int:
    return app_at(place).call("GET", f"{AUTH}/auth/password/reset", **{"X-Password-Reset-Key": "AAAA-AAAA"}).status


def verify(place: str) -> int:
    return app_at(place).call("POST", f"{AUTH}/auth/email/verify", {"key": "AAAA-AAAA"}).status


def refresh(place: str) -> int:
    return app_at(place).call("POST", "/api/v1/tokens/refresh", {"refresh_token": "x"}).status


Attack = Callable[[], Callable[[], int]]


def from_one_address(attempt: Callable[[str], int]) -> Attack:
    """Return an attack from one address; each attempt looks like one of somebody else."""

    def attack() -> Callable[[], int]:
        place = address()
        return lambda: attempt(place)

    return attack


def on_one_mailbox(attempt: Callable[[str, str], int]) -> Attack:
    """Return an attack that sends mail after mail to one address, from everywhere."""

    def attack() -> Callable[[], int]:
        victim = email()
        return lambda: attempt(address(), victim)

    return attack


def on_one_account_from_one_address() -> Callable[[], int]:
    victim, place = person("ana"), address()
    return lambda: guess(victim.handle, place)


def on_one_account_from_everywhere() -> Callable[[], int]:
    victim = person("ana")
    return lambda: guess(victim.handle, address())


def invite(by: Company, victim: str) -> int:
    """Invite somebody to a company; return the status."""
    body = {"email": victim, "role": "payer"}
    return send(by.acted_for_by(by.owner), "POST", f"{by.path}/invitations", body).status


def by_one_inviter() -> Callable[[], int]:
    firm, victim = company(payers.person("olga")), email()
    return lambda: invite(firm, victim)


def by_many_inviters() -> Callable[[], int]:
    victim = email()
    return lambda: invite(company(payers.person("olga")), victim)


ATTACKS: dict[str, tuple[Limit, Attack]] = {
    "one account, one address": (throttling.WRONG_FROM_ADDRESS_TO_ACCOUNT, on_one_account_from_one_address),
    "one account, rotating addresses": (throttling.WRONG_TO_ACCOUNT, on_one_account_from_everywhere),
    "many accounts, one address": (
        throttling.WRONG_FROM_ADDRESS,
        from_one_address(lambda place: guess(f"nobody-{secrets.token_hex(4)}", place)),
    ),
    "sign-ups": (throttling.SIGN_UP, from_one_address(lambda place: sign_up(place, email()))),
    "mails by sign-up": (throttling.MAIL, on_one_mailbox(sign_up)),
    "resets": (throttling.RESET, from_one_address(lambda place: ask_for_reset(place, email()))),
    "mails by reset": (throttling.MAIL, on_one_mailbox(ask_for_reset)),
    "invitations by one": (throttling.MAIL_FROM_SENDER, by_one_inviter),
    "invitations by many": (throttling.MAIL, by_many_inviters),
    "codes of resets": (throttling.RESET, from_one_address(check_code)),
    "codes of addresses": (throttling.CODE, from_one_address(verify)),
    "refresh tokens": (throttling.REFRESH, from_one_address(refresh)),
}

HASHED_CHEAPLY = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
"""Hundreds of guesses: how long each takes is another test's."""


def test_the_widest_limit_is_as_wide_as_this() -> None:
    assert (throttling.REFRESH.most, throttling.REFRESH.window_s) == (300, 60)


@pytest.mark.parametrize("how", ATTACKS)
def test_an_attack_is_throttled_and_without_its_throttle_it_is_not(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second half is the control: it plants the bug that nothing counts there.

    For the widest limit a narrower one stands in; how wide it is says the test below.
    """
    limit, attack = ATTACKS[how]
    most, take = min(limit.most, 60), throttles.take
    narrow = replace(limit, most=most)
    monkeypatch.setattr(throttles, "take", lambda asked, subject: take(narrow if asked is limit else asked, subject))
    with HASHED_CHEAPLY:
        attempt = attack()
        statuses = [attempt() for _ in range(most + 1)]
        assert statuses.index(429) == most
        with without(limit):
            attempt = attack()
            assert 429 not in [attempt() for _ in range(most + 1)]


def test_who_is_throttled_is_told_how_long_to_wait(clock: Clock) -> None:
    ana, place = person("ana"), address()
    for _ in range(5):
        guess(ana.handle, place)
    clock.now_s += 100
    answer = app_at(place).sign_in(username=ana.handle)
    assert (answer.status, answer.code) == (429, "throttled")
    assert answer.headers["Retry-After"] == "200"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.json["retry_after_s"], answer.json["retryable"]) == (200, True)
    clock.now_s += 200
    assert signs_in(ana, place)


class TestHonestPeople:
    """Whoever is attacked, or sits beside an attacker, goes on."""

    def test_a_stranger_does_not_lock_an_account(self) -> None:
        ana, home = person("ana"), address()
        assert signs_in(ana, home)
        with HASHED_CHEAPLY:
            for _ in range(throttling.WRONG_TO_ACCOUNT.most):
                assert guess(ana.handle, address()) == 400
            assert guess(ana.handle, address()) == 429, "a stranger is one too many"
        assert signs_in(ana, home), "the person at home is not"

    def test_control_if_home_counted_as_any_place_the_account_would_be_locked(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ana, home = person("ana"), address()
        assert signs_in(ana, home)
        monkeypatch.setattr(throttles, "is_marked", lambda _name, _subject: False)
        with HASHED_CHEAPLY:
            for _ in range(throttling.WRONG_TO_ACCOUNT.most):
                guess(ana.handle, address())
        assert not signs_in(ana, home)

    def test_from_a_new_place_a_reset_lets_the_person_in_while_the_account_is_attacked(self) -> None:
        ana, hotel = person("ana"), address()
        with HASHED_CHEAPLY:
            for _ in range(throttling.WRONG_TO_ACCOUNT.most + 1):
                guess(ana.handle, address())
        assert not signs_in(ana, hotel)
        app = app_at(hotel)
        app.call("POST", f"{AUTH}/auth/password/request", {"email": ana.email})
        code = code_mailed_to(ana.email)
        new = "another horse battery staple"
        assert app.call("POST", f"{AUTH}/auth/password/reset", {"key": code, "password": new}).status == 401
        assert app_at(hotel).sign_in(new, username=ana.handle).status == 200

    def test_who_sits_beside_an_attacker_of_one_account_signs_in(self) -> None:
        ana, ben, cafe = person("ana"), person("ben"), address()
        for _ in range(20):
            guess(ana.handle, cafe)
        assert signs_in(ben, cafe)

    def test_who_is_known_there_signs_in_beside_an_attacker_of_many_accounts(self) -> None:
        ben, cem, office = person("ben"), person("cem"), address()
        assert signs_in(ben, office)
        with HASHED_CHEAPLY:
            for _ in range(throttling.WRONG_FROM_ADDRESS.most):
                guess(f"nobody-{secrets.token_hex(4)}", office)
        assert signs_in(ben, office)
        assert not signs_in(cem, office)
        assert signs_in(cem, address())

    def test_right_passwords_do_not_count(self) -> None:
        ana, home = person("ana"), address()
        assert all(signs_in(ana, home) for _ in range(12))


class TestNames:
    """What is counted as one account and as one address."""

    @pytest.mark.parametrize("name", ["username", "email"])
    def test_all_spellings_of_a_name_are_one(self, name: str) -> None:
        ana, place = person("ana"), address()
        typed = ana.handle if name == "username" else ana.email
        spellings = (typed, typed.upper(), typed.title(), f" {typed} ", typed)
        statuses = [app_at(place).sign_in(WRONG, **{name: one}).status for one in spellings]
        assert statuses == [400] * 5
        assert app_at(place).sign_in(**{name: typed}).status == 429

    def test_no_count_tells_which_address_goes_with_a_handle(self) -> None:
        ana, place = person("ana"), address()
        for _ in range(6):
            guess(ana.handle, place)
        for candidate in (ana.email, email()):
            assert app_at(place).sign_in(WRONG, email=candidate).status == 400

    def test_who_is_known_by_one_name_is_known_by_the_other(self) -> None:
        ana, home = person("ana"), address()
        assert signs_in(ana, home)
        with HASHED_CHEAPLY:
            for _ in range(throttling.WRONG_TO_ACCOUNT.most):
                app_at(address()).sign_in(WRONG, email=ana.email)
            assert app_at(address()).sign_in(WRONG, email=ana.email).status == 429
        assert app_at(home).sign_in(email=ana.email).status == 200

    def test_whoever_claims_an_address_is_not_known_as_its_owner(self) -> None:
        """An attacker who signs up with somebody's address, and signs in with that, is a stranger to the owner's."""
        ana = person("ana")
        handle = f"eve-{secrets.token_hex(4)}"
        App().sign_up(handle, ana.email, "the password of eve alone")
        with HASHED_CHEAPLY:
            for _ in range(throttling.WRONG_TO_ACCOUNT.most):
                app_at(address()).sign_in(WRONG, email=ana.email)
        place = address()
        for login in ({"username": handle}, {"email": ana.email}):
            app_at(place).sign_in("the password of eve alone", **login)
        assert app_at(place).sign_in(WRONG, email=ana.email).status == 429

    def test_a_network_of_ipv6_is_one_address(self) -> None:
        ana = person("ana")
        statuses = [guess(ana.handle, f"2001:db8:5:6::{n:x}") for n in range(1, 7)]
        assert statuses == [400] * 5 + [429]
        assert guess(ana.handle, "2001:db8:5:7::1") == 400

    @pytest.mark.parametrize("header", FORWARDED)
    def test_a_forged_forwarding_header_is_no_other_address(self, header: str) -> None:
        ana, place = person("ana"), address()
        statuses = [guess(ana.handle, place, **{header: f"203.0.113.{n}"}) for n in range(6)]
        assert statuses == [400] * 5 + [429]

    def test_behind_a_proxy_of_ours_it_is_who_connected_to_that(self) -> None:
        ana, proxy, place = person("ana"), "10.1.1.1", address()
        with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
            statuses = [guess(ana.handle, proxy, **{"X-Forwarded-For": f"203.0.113.{n}, {place}"}) for n in range(6)]
            assert statuses == [400] * 5 + [429]
            assert guess(ana.handle, proxy, **{"X-Forwarded-For": address()}) == 400

    def test_control_whoever_believes_the_header_counts_nothing(self) -> None:
        """The planted bug: a proxy is trusted that is not there."""
        ana, place = person("ana"), address()
        with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
            statuses = [guess(ana.handle, place, **{"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(6)]
        assert statuses == [400] * 6

    def test_another_port_in_the_host_header_is_no_other_account(self) -> None:
        ana, place = person("ana"), address()
        statuses = [guess(ana.handle, place, Host=f"127.0.0.1:{n}") for n in range(1, 7)]
        assert statuses == [400] * 5 + [429]


def test_a_mailbox_gets_few_mails_whatever_the_door_and_whoever_asks() -> None:
    ana = person("ana")

    def in_an_hour(mailbox: str) -> list[int]:
        places = [address() for _ in range(7)]
        return [ask_for_reset(place, mailbox) for place in places for _ in range(5)]

    statuses = in_an_hour(ana.email)
    assert statuses.index(429) == 30
    assert len([message for message in mail.outbox if message.to == [ana.email]]) <= 30
    assert in_an_hour(email()) == statuses, "the same for an address that nobody has"


def test_a_stranger_keeps_nobody_from_their_own_reset() -> None:
    """Who asks for mails to somebody uses up what that place has, and of what was asked for alone."""
    ana, place = person("ana"), address()
    assert [ask_for_reset(place, ana.email) for _ in range(6)][-1] == 429
    assert 429 not in [sign_up(address(), ana.email) for _ in range(5)]
    assert ask_for_reset(address(), ana.email) != 429


def mails_to(mailbox: str) -> int:
    return len([message for message in mail.outbox if message.to == [mailbox]])


def claim(mailbox: str) -> str:
    """Sign up with an address and return the handle."""
    handle = f"eve-{secrets.token_hex(6)}"
    assert app_at(address()).sign_up(handle, mailbox).status == 401
    return handle


def test_who_claims_an_address_mails_it_no_more_than_others_and_keeps_nobody_out() -> None:
    mailbox, place = email(), address()
    eve = claim(mailbox)
    before = mails_to(mailbox)
    assert [app_at(place).sign_in(username=eve).status for _ in range(5)] == [401] * 5
    app = app_at(place)
    refused = app.sign_in(username=eve)
    assert (refused.status, refused.code, app.session_token) == (429, "throttled", None)
    assert int(refused.headers["Retry-After"]) > 0
    assert mails_to(mailbox) - before == 5
    # The owner signs up, loses the mail, and gets another one by signing in.
    owner, handle = app_at(address()), f"owner-{secrets.token_hex(6)}"
    assert owner.sign_up(handle, mailbox).status == 401
    assert owner.sign_in(username=handle).status == 401
    code = code_mailed_to(mailbox)
    assert code is not None
    assert owner.verify(code).status == 200
    assert app_at(address()).sign_in(email=mailbox).status == 200


def test_control_without_counting_them_mails_go_out_as_often_as_somebody_signs_in() -> None:
    mailbox, place = email(), address()
    eve = claim(mailbox)
    with without(throttling.MAIL_FROM_ADDRESS):
        assert [app_at(place).sign_in(username=eve).status for _ in range(6)] == [401] * 6
    assert mails_to(mailbox) == 7


def test_control_counted_as_the_same_mails_a_claim_would_keep_the_owner_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: one limit for all mails to an address, wherever they are asked for."""
    take = throttles.take
    mailbox = email()
    monkeypatch.setattr(
        throttles, "take", lambda limit, subject: take(limit, mailbox if limit.name.startswith("mail") else subject)
    )
    eve, place = claim(mailbox), address()
    for _ in range(6):
        app_at(place).sign_in(username=eve)
    assert sign_up(address(), mailbox) == 429


@pytest.mark.parametrize("again", ["sign-in", "resend"])
def test_a_refused_mail_leaves_the_code_before_it_good(again: str) -> None:
    mailbox, app = email(), app_at(address())
    handle = f"new-{secrets.token_hex(6)}"
    assert app.sign_up(handle, mailbox).status == 401
    resent: list[int] = []
    while 429 not in resent:
        if again == "resend" and len(resent) == 5:
            resent.append(app.call("POST", f"{AUTH}/auth/email/verify/resend").status)
        else:
            resent.append(app.sign_in(username=handle).status)
    assert resent == [401] * 5 + [429]
    assert mails_to(mailbox) == 6
    code = code_mailed_to(mailbox)
    assert code is not None
    assert app.verify(code).status == 200


def test_a_sign_up_that_is_refused_takes_no_mail_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: without giving back, whoever needs six tries waits for an hour."""

    def tries() -> list[int]:
        place, mailbox, handle, taken = address(), email(), f"new-{secrets.token_hex(6)}", person("ana").handle
        refused = [(handle, "password1234"), (taken, "a good horse battery")] * 3
        return [app_at(place).sign_up(name, mailbox, password).status for name, password in refused] + [
            app_at(place).sign_up(handle, mailbox).status
        ]

    assert tries() == [400] * 6 + [401]
    monkeypatch.setattr(mail_throttle, "give_back", lambda _request: None)
    assert tries() == [400] * 5 + [429] * 2


def test_what_allauth_limits_itself_says_how_long_to_wait_too() -> None:
    app = App()
    app.sign_in(username=person("ana").handle)
    body = {"current_password": WRONG, "new_password": "x" * 20}
    answers = [app.call("POST", f"{AUTH}/account/password/change", body) for _ in range(6)]
    assert [answer.status for answer in answers[:5]] == [400] * 5
    assert (answers[5].status, answers[5].code) == (429, "throttled")
    assert answers[5].headers["Retry-After"] == "60"


def test_showing_the_password_again_counts_as_signing_in() -> None:
    app = App()
    ana = person("ana")
    assert app.sign_in(username=ana.handle).status == 200
    statuses = [app.show_password_again(WRONG).status for _ in range(6)]
    assert statuses == [400] * 5 + [429]


class StandingStill(Buckets):
    """Buckets for which no time passes."""

    def take(self, subject: object, _clock: Callable[[], float] = time.monotonic) -> None:
        super().take(subject, lambda: 0.0)


class TestSignedInPeople:
    """What a person does counts for the person, in whatever session; a key counts for itself."""

    def test_reads_writes_and_invitations_are_counted_apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
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
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(throttling, "READ", Limit("test.keys", 4, 60))
        ana = payers.person("ana")
        devices = [ana, *(replace(ana, session=sessions.begin(ana.user, secrets.token_hex(16))) for _ in range(2))]
        reads = "/api/v1/accounts"
        assert [send(device, "GET", reads).status for device in devices * 2] == [200] * 4 + [429] * 2
        for key in [machines.new_key(ana) for _ in range(2)]:
            assert [machines.send(key, "GET", reads).status for _ in range(5)] == [200] * 4 + [429]

    @pytest.mark.parametrize("stolen", ["key", "token of an ended session", "session"])
    def test_who_has_got_hold_of_a_credential_keeps_nobody_from_ending_it(
        self, stolen: str, monkeypatch: pytest.MonkeyPatch
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
        monkeypatch.setattr(throttling, "count", lambda request, _subject: count(request, "the person"))
        assert attacked() == 429

    def test_whoever_is_refused_is_counted_all_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
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

    def test_a_refusal_takes_nothing_of_a_limit_for_what_is_done(self, monkeypatch: pytest.MonkeyPatch) -> None:
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
                assert (
                    send(admin, "POST", f"{firm.path}/invitations", {"email": email_, "role": "owner"}).status == status
                )
        assert [invite() for _ in range(3)] == [201, 201, 429]

    def test_who_brings_no_token_of_ours_is_counted_by_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(throttling, "READ", Limit("test.junk", 3, 60))
        place = address()
        junk = [app_at(place).me("junk").status for _ in range(4)]
        assert junk == [401] * 3 + [429]
        assert app_at(address()).me("junk").status == 401
        with without(throttling.READ):
            assert app_at(place).me("junk").status == 401

    def test_who_brings_no_token_is_counted_by_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(throttling, "READ", Limit("test.nothing", 3, 60))
        place = address()
        assert [app_at(place).call("GET", "/api/v1/me").status for _ in range(4)] == [401] * 3 + [429]
        assert app_at(address()).call("GET", "/api/v1/me").status == 401
        with without(throttling.READ):
            assert app_at(place).call("GET", "/api/v1/me").status == 401

    def test_invitations_of_all_companies_of_a_person_count_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert (throttling.INVITATION.most, throttling.INVITATION.window_s) == (100, 86_400)
        monkeypatch.setattr(throttling, "INVITATION", Limit("test.together", 4, 60))
        olga = payers.person("olga")
        firms = [company(olga) for _ in range(2)]
        assert [invite(firms[n % 2], email()) for n in range(5)] == [201] * 4 + [429]
        with without(throttling.INVITATION):
            assert invite(firms[0], email()) == 201

    def test_a_payer_has_a_burst_and_then_a_rate(self, monkeypatch: pytest.MonkeyPatch) -> None:
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

    def test_what_is_allowed_by_default_leaves_room_for_a_busy_payer(self) -> None:
        assert (throttling.PAYMENTS.rate_per_s, throttling.PAYMENTS.burst) == (50, 200)
