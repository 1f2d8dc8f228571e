"""X13: abuse is throttled, for accounts, addresses and people, and honest people go on. Each throttle has a control."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from django.test import override_settings

from paysettle.api import throttling
from paysettle.identity.tests.app_client import AUTH, App, code_mailed_to
from paysettle.identity.tests.attempts import (
    HASHED_CHEAPLY,
    WRONG,
    address,
    app_at,
    ask_for_reset,
    change_password,
    email,
    guess,
    invite,
    sign_up,
    signs_in,
    without,
)
from paysettle.identity.tests.people import person
from paysettle.kernel import throttles
from paysettle.kernel.throttles import Limit
from tests import people as payers
from tests.companies import company
from tests.throttled import Clock, as_in_production

FORWARDED = ("X-Forwarded-For", "X-Real-Ip", "X-Client-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip")


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    with as_in_production() as found:
        yield found


def guess_at_nobody(place: str) -> int:
    return guess(f"nobody-{secrets.token_hex(4)}", place)


def check_code(place: str) -> int:
    return app_at(place).call("GET", f"{AUTH}/auth/password/reset", **{"X-Password-Reset-Key": "AAAA-AAAA"}).status


def verify(place: str) -> int:
    return app_at(place).call("POST", f"{AUTH}/auth/email/verify", {"key": "AAAA-AAAA"}).status


def look_at_code(place: str) -> int:
    return app_at(place).call("GET", f"{AUTH}/auth/email/verify", **{"X-Email-Verification-Key": "AAAA-AAAA"}).status


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


def by_one_inviter() -> Callable[[], int]:
    firm, victim = company(payers.person("olga")), email()
    return lambda: invite(firm, victim)


def by_many_inviters() -> Callable[[], int]:
    victim = email()
    return lambda: invite(company(payers.person("olga")), victim)


NARROW = 48
"""A multiple of all portions: what one process holds exactly."""

ATTACKS: dict[str, tuple[Limit, Attack]] = {
    "one account, one address": (throttling.WRONG_FROM_ADDRESS_TO_ACCOUNT, on_one_account_from_one_address),
    "one account, rotating addresses": (throttling.WRONG_TO_ACCOUNT, on_one_account_from_everywhere),
    "many accounts, one address": (
        throttling.WRONG_FROM_ADDRESS,
        from_one_address(guess_at_nobody),
    ),
    "sign-ups": (throttling.SIGN_UP, from_one_address(lambda place: sign_up(place, email()))),
    "mails by sign-up": (throttling.MAIL, on_one_mailbox(sign_up)),
    "resets": (throttling.RESET, from_one_address(lambda place: ask_for_reset(place, email()))),
    "mails by reset": (throttling.MAIL, on_one_mailbox(ask_for_reset)),
    "invitations by one": (throttling.MAIL_FROM_SENDER, by_one_inviter),
    "invitations by many": (throttling.MAIL, by_many_inviters),
    "sign-ins": (throttling.SIGN_IN, from_one_address(guess_at_nobody)),
    "anything else": (throttling.OTHER_SIGN_IN, from_one_address(lambda place: change_password(app_at(place)).status)),
    "codes of resets": (throttling.RESET, from_one_address(check_code)),
    "codes of addresses": (throttling.CODE, from_one_address(verify)),
    "codes of addresses that are looked at": (throttling.CODE, from_one_address(look_at_code)),
    "refresh tokens": (throttling.REFRESH, from_one_address(refresh)),
}


def test_the_widest_limits_are_as_wide_as_this() -> None:
    limits = {limit.name: (limit.most, limit.window_s) for limit, _ in ATTACKS.values() if limit.most > NARROW}
    assert limits == {
        "sign-in": (300, 300),
        "other-sign-in": (300, 300),
        "refresh": (300, 60),
        "code": (60, 300),
        "wrong.address": (50, 300),
        "wrong.account": (50, 3600),
    }


@pytest.mark.parametrize("how", ATTACKS)
def test_an_attack_is_throttled_and_without_its_throttle_it_is_not(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second half is the control: it plants the bug that nothing counts there.

    For a wide limit a narrower one stands in; how wide it is says the test above.
    """
    limit, attack = ATTACKS[how]
    most, take = min(limit.most, NARROW), throttles.take
    narrow = replace(limit, most=most)
    monkeypatch.setattr(throttles, "take", lambda asked, subject: take(narrow if asked is limit else asked, subject))
    with HASHED_CHEAPLY:
        attempt = attack()
        statuses = [attempt() for _ in range(most + 1)]
        assert statuses.index(429) == most
        with without(limit):
            attempt = attack()
            assert 429 not in [attempt() for _ in range(most + 1)]


@pytest.mark.once
@pytest.mark.parametrize(
    ("how", "tried"),
    [("one account, one address", 5), ("one account, rotating addresses", 50), ("many accounts, one address", 50)],
)
def test_of_a_thousand_guesses_few_are_tried(how: str, tried: int) -> None:
    """With the limits as they are, none in the place of another: what is refused is not even compared."""
    _, attack = ATTACKS[how]
    with HASHED_CHEAPLY:
        attempt = attack()
        statuses = Counter(attempt() for _ in range(1000))
    assert statuses == {400: tried, 429: 1000 - tried}


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
