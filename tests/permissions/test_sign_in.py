"""X1 where people sign in: every operation of a session, and every one that is for anybody, as the access table says.

Nothing there takes an id of somebody else but an e-mail address, and whose session it is, its token says. Each row
counts because the person whose session it is sends the same afterwards, and it is done.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import pytest

from paysettle.identity import tokens
from paysettle.identity.caller import Caller
from paysettle.identity.operations import people, sessions
from paysettle.identity.tests.app_client import Answer, App
from paysettle.kernel.identifiers import SYSTEM
from tests.permissions.attack import TABLE
from tests.permissions.sign_in import OF_A_SESSION, OF_ANYBODY, Device, Signing, device

OPERATOR = Caller(party_id=SYSTEM, operator="tests")
LONG_AGO = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("quick_hashes")

Send = Callable[[Signing], Answer]


def _anonymous(_: Device) -> Send:
    return lambda sent: sent.send(App())


def _expired(of: Device) -> Send:
    who = of.who
    token = tokens.issue_access_token(who.session, who.user, datetime.now(UTC) - LONG_AGO)
    return lambda sent: sent.send(App(), Authorization=f"Bearer {token}")


def _refresh(of: Device) -> Send:
    return lambda sent: sent.send(App(), Authorization=f"Bearer {of.app.refresh_token}")


@lru_cache  # who is out stays out
def _app_of_ended_session() -> App:
    gone = device("gil")
    _end_sessions(gone)
    return gone.app


@lru_cache
def _app_of_disabled_person() -> App:
    gone = device("dora")
    people.disable(by=OPERATOR, user_id=gone.who.user.id, reason="a test")
    return gone.app


def _end_sessions(of: Device) -> None:
    sessions.end_others(by=of.who.caller)
    sessions.end(by=of.who.caller, session_id=of.who.session.id)


def _other(_: Device) -> Send:
    eva = device("eva")
    return lambda sent: sent.send(eva.app)


CALLERS: dict[str, Callable[[Device], Send]] = {
    "anonymous": _anonymous,
    "expired_token": _expired,
    "refresh_token": _refresh,
    "ended_session": lambda _: lambda sent: sent.send(_app_of_ended_session()),
    "disabled_person": lambda _: lambda sent: sent.send(_app_of_disabled_person()),
    "other_person": _other,
}


def findings(name: str) -> Iterator[str]:
    """Send an operation of a session as everybody, the person whose request it is last."""
    of = device("ana")
    sent = OF_A_SESSION[name](of)
    for caller, prepared in CALLERS.items():
        answer, expected = prepared(of)(sent), TABLE.expected(name, caller)
        done = answer.status == sent.done
        if _told(answer) != expected and not (done and expected == "own"):
            yield f"{caller} is told {_told(answer)}, expected {expected}"
        if {of.who.email, of.who.handle, of.who.caller.actor} & set(_words(answer.json)):
            yield f"{caller} sees who ana is"
    if TABLE.expected(name, "self") != "yes" or sent.send(of.app).status != sent.done:
        yield "it is not done for the person whose session it is"


def _told(answer: Answer) -> str:
    return f"{answer.status} {answer.code or ''}".strip()


def _words(said: object) -> Iterator[str]:
    if isinstance(said, dict):
        for value in said.values():
            yield from _words(value)
    elif isinstance(said, list):
        for value in said:
            yield from _words(value)
    else:
        yield str(said)


def test_every_operation_without_a_permission_is_tried() -> None:
    of = {scope: {name for name, row in TABLE.rows.items() if row.scope == scope} for scope in ("session", "public")}
    assert (set(OF_A_SESSION), set(OF_ANYBODY)) == (of["session"], of["public"])
    callers = {caller for caller in TABLE.callers if any(TABLE.expected(name, caller) for name in of["session"])}
    assert callers == {*CALLERS, "self"}


@pytest.mark.parametrize("name", OF_A_SESSION)
def test_every_caller_is_told_what_the_table_says(name: str) -> None:
    assert list(findings(name)) == []


@pytest.mark.parametrize("name", OF_ANYBODY)
def test_what_is_for_anybody_needs_no_session(name: str) -> None:
    app = App()
    sent = OF_ANYBODY[name](app)
    assert TABLE.expected(name, "anonymous") == "yes"
    assert sent.send(app).status == sent.done


def test_control_a_session_that_cannot_be_ended_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "end_live", lambda *_args, **_kwargs: 0)
    _app_of_ended_session.cache_clear()
    assert any("ended_session is told 200" in finding for finding in findings("get_authentication_status"))
    _app_of_ended_session.cache_clear()
