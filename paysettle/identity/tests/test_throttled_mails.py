"""Whoever asks for them, and by whatever door: a mailbox gets few mails, and keeps getting its own."""

import secrets
from collections.abc import Iterator

import pytest
from django.core import mail

from paysettle.api import throttling
from paysettle.identity import mail_throttle, sign_in_attempts
from paysettle.identity.tests.app_client import AUTH, code_mailed_to
from paysettle.identity.tests.attempts import address, app_at, ask_for_reset, email, sign_up, signs_in, without
from paysettle.identity.tests.people import person
from paysettle.kernel import throttles
from tests.throttled import Clock, as_in_production

pytestmark = pytest.mark.shared


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    with as_in_production() as found:
        yield found


def test_a_mailbox_gets_few_mails_whatever_the_door_and_whoever_asks() -> None:
    ana = person("ana")

    def in_an_hour(mailbox: str) -> list[int]:
        places = [address() for _ in range(7)]
        return [ask_for_reset(place, mailbox) for place in places for _ in range(5)]

    statuses = in_an_hour(ana.email)
    assert statuses.index(429) == 30
    assert mails_to(ana.email) == 30
    assert in_an_hour(email()) == statuses, "the same for an address that nobody has"


def test_a_stranger_keeps_nobody_from_their_own_reset() -> None:
    """Who asks for mails to somebody uses up what that place has, and of what was asked for alone."""
    ana, place = person("ana"), address()
    assert [ask_for_reset(place, ana.email) for _ in range(6)][-1] == 429
    assert 429 not in [sign_up(address(), ana.email) for _ in range(5)]
    assert ask_for_reset(address(), ana.email) != 429


def test_many_strangers_together_keep_nobody_from_their_own_reset_where_they_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Control: where nobody is known, six places are enough for it."""
    ana, home = person("ana"), address()
    assert signs_in(ana, home)

    def attacked() -> int:
        for place in [address() for _ in range(6)]:
            for _ in range(5):
                ask_for_reset(place, ana.email)
        assert ask_for_reset(address(), ana.email) == 429
        return ask_for_reset(home, ana.email)

    assert attacked() == 401
    monkeypatch.setattr(sign_in_attempts, "is_known", lambda _place, **_name: False)
    assert attacked() == 429


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
