"""The code of a mail is good for three attempts, one after the other or at once; whoever has it is not hurried."""

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from unittest.mock import patch

import pytest

from paysettle.api import throttling
from paysettle.identity.api import mailed_codes
from paysettle.identity.models import LoginSession, User
from paysettle.identity.operations import addresses
from paysettle.identity.session_store import SessionStore
from paysettle.identity.tests.app_client import AUTH, PASSWORD, Answer, App, at_once, code_mailed_to
from paysettle.identity.tests.people import person
from paysettle.kernel import throttles
from paysettle.kernel.throttles import Limit, Slot
from tests.plugin import ALL
from tests.throttled import as_in_production

WRONG = "AAAA-AAAA"
AT_ONCE = 8
NEW_PASSWORD = "another horse and battery"

pytestmark = pytest.mark.shared(*ALL)


def signing_up() -> App:
    """Return the device of somebody whose address waits for its code."""
    app = App()
    app.sign_up(f"cy-{id(app):x}", f"cy-{id(app):x}@example.org")
    return app


def resetting(email: str = "nobody@example.org") -> App:
    """Return the device of somebody who has asked for another password."""
    app = App()
    app.call("POST", f"{AUTH}/auth/password/request", {"email": email})
    return app


def again(app: App) -> App:
    """Return another connection of the same device."""
    other = App()
    other.session_token = app.session_token
    return other


def verify(app: App, code: str) -> Answer:
    return app.verify(code)


def reset(app: App, code: str, password: str = NEW_PASSWORD) -> Answer:
    return app.call("POST", f"{AUTH}/auth/password/reset", {"key": code, "password": password})


def look(app: App, code: str) -> Answer:
    return app.call("GET", f"{AUTH}/auth/password/reset", **{"X-Password-Reset-Key": code})


KINDS: dict[str, tuple[Callable[[], App], Callable[[App, str], Answer]]] = {
    "sign-up": (signing_up, verify),
    "reset": (lambda: resetting(person("dan").email), reset),
    "look": (lambda: resetting(person("dan").email), look),
    "reset of nobody": (resetting, reset),
    "look of nobody": (resetting, look),
}


def judged(kind: str, *, counted: bool = True) -> tuple[int, int]:
    """Try wrong codes at once, each before any other is noted; return how many were judged, and the last status."""
    begin, attempt = KINDS[kind]
    take, all_have_read = throttles.take, threading.Barrier(AT_ONCE)

    def together(limit: Limit, subject: str) -> Slot:
        if limit != throttling.MAILED_CODE:
            return take(limit, subject)
        all_have_read.wait(20)
        return take(limit, subject) if counted else Slot(b"")

    with as_in_production():
        app = begin()
        calls = [partial(attempt, again(app), WRONG) for _ in range(AT_ONCE)]
        with patch.object(throttles, "take", together):
            answers = at_once(*calls)
        last = attempt(again(app), WRONG).status
    wrong = [answer for answer in answers if answer.code == "incorrect_code"]
    assert {answer.status for answer in answers if answer not in wrong} <= {409}
    return len(wrong), last


@pytest.mark.parametrize("kind", KINDS)
def test_three_attempts_are_judged_however_many_come_at_once(kind: str) -> None:
    assert judged(kind) == (3, 409)


@pytest.mark.parametrize("kind", KINDS)
def test_control_without_the_counter_all_are_judged(kind: str) -> None:
    assert judged(kind, counted=False)[0] == AT_ONCE


def copy_of(app: App) -> App:
    """Return a device whose session has another key and what this one has now, as after a renewal at this moment."""
    store = SessionStore()
    store.update(SessionStore(app.session_token).load())
    store.create()
    other = App()
    other.session_token = store.session_key
    return other


def last_of_copies(kind: str) -> int:
    """Try three wrong codes in a session, and one more in a copy from before."""
    begin, attempt = KINDS[kind]
    with as_in_production():
        app = begin()
        copy = copy_of(app)
        assert [attempt(app, WRONG).status for _ in range(3)] == [400] * 3
        return attempt(copy, WRONG).status


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_of_the_session_has_no_attempts_of_its_own(kind: str) -> None:
    assert last_of_copies(kind) == 409


@pytest.mark.parametrize("kind", KINDS)
def test_control_counted_by_session_a_copy_has_three_more(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug, which was one: each session counts for itself."""
    monkeypatch.setattr(mailed_codes, "subject", lambda _state: secrets.token_hex())
    assert last_of_copies(kind) == 400


def times_reset() -> list[int]:
    """Use the code for a reset in a session and in a copy of it from before; return the answers."""
    ana = person("ana")
    app = resetting(ana.email)
    copy, code = copy_of(app), code_mailed_to(ana.email)
    assert code is not None
    return [reset(app, code).status, reset(copy, code, "yet another horse and battery").status]


def times_signed_up(monkeypatch: pytest.MonkeyPatch, *, wait_s: float) -> list[int]:
    """Use the code of a sign-up twice at once, each before the other has verified anything; return the answers.

    Each waits for the other, if that comes so far.
    """
    both, confirm = threading.Barrier(2), addresses.verify

    def together(*, by: User, email: str) -> None:
        with suppress(threading.BrokenBarrierError):
            both.wait(wait_s)
        confirm(by=by, email=email)

    monkeypatch.setattr(addresses, "verify", together)
    app, email = App(), f"{secrets.token_hex(6)}@example.org"
    app.sign_up(f"cy-{secrets.token_hex(6)}", email)
    code = code_mailed_to(email)
    assert code is not None
    answers = at_once(*[partial(verify, again(app), code) for _ in range(2)])
    assert LoginSession.objects.filter(user__email=email).count() == [answer.status for answer in answers].count(200)
    return sorted(answer.status for answer in answers)


def test_a_code_is_good_for_once_also_in_a_copy_of_the_session() -> None:
    with as_in_production():
        assert times_reset() == [401, 409]


def test_of_two_who_use_the_code_of_a_sign_up_at_once_one_gets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with as_in_production():
        assert times_signed_up(monkeypatch, wait_s=2) == [200, 409]


def test_control_unless_its_use_is_counted_it_is_good_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug, which was one of both: the session alone forgets a code that was used."""
    monkeypatch.setattr(throttling, "USED_CODE", Limit("used-code", 2, throttling.DAY_S))
    with as_in_production():
        assert times_reset() == [401, 401]
        assert times_signed_up(monkeypatch, wait_s=30) == [200, 200]


@pytest.mark.parametrize("kind", KINDS)
def test_the_third_wrong_attempt_ends_it(kind: str) -> None:
    begin, attempt = KINDS[kind]
    with as_in_production():
        app = begin()
        assert [attempt(app, WRONG).status for _ in range(4)] == [400, 400, 400, 409]


def test_whoever_has_the_code_may_think_about_the_password() -> None:
    ana = person("ana")
    with as_in_production():
        app = resetting(ana.email)
        code = code_mailed_to(ana.email)
        assert code is not None
        assert [reset(app, WRONG).code for _ in range(2)] == ["incorrect_code"] * 2
        assert [look(app, code).status for _ in range(4)] == [200] * 4
        assert {reset(app, code, password).json["errors"][0]["param"] for password in ("a", "b", "c", "d")} == {
            "password"
        }
        assert reset(app, code).status == 401  # done: the person signs in with it
    assert App().sign_in(NEW_PASSWORD, username=ana.handle).status == 200
    assert App().sign_in(PASSWORD, username=ana.handle).status == 400


def test_the_third_attempt_may_be_right() -> None:
    app = App()
    with as_in_production():
        app.sign_up("eve-third", "eve-third@example.org")
        code = code_mailed_to("eve-third@example.org")
        assert code is not None
        assert [verify(app, WRONG).status for _ in range(2)] == [400, 400]
        assert verify(app, code).status == 200
