"""X1 where people sign in: every operation of a session, and every one that is for anybody, as the access table says.

Nothing there takes an id of somebody else but an e-mail address, and whose session it is, its token says. So others
send what was made for ana, or for somebody who is about to sign in, with the session or the token that they have. Each
row counts because that person sends the same afterwards, and it is done.
"""

from collections.abc import Collection, Iterable, Iterator

import orjson
import pytest

from paysettle.identity import standing, tokens
from paysettle.identity.adapters import HeadlessAdapter
from paysettle.identity.models import User
from paysettle.identity.operations import sessions
from paysettle.identity.tests.app_client import Answer, App
from tests.people import Person
from tests.permissions.attack import TABLE
from tests.permissions.sign_in import OF_A_SESSION, OF_ANYBODY, Signing, device
from tests.permissions.sign_in_callers import CALLERS, Everybody

pytestmark = [pytest.mark.shared, pytest.mark.usefixtures("quick_hashes")]

ALL_CHANGES = {"logout", "change_password", "request_password"}
"""After these a session is not what it was: who is to try them signs in for them."""


@pytest.fixture(scope="module")
def everybody() -> Everybody:
    return Everybody()


def findings(name: str, everybody: Everybody, callers: Collection[str] = CALLERS.keys()) -> Iterator[str]:
    """Send an operation as these: their own where the table says that it is, ana's otherwise, and ana last."""
    if name in OF_A_SESSION:
        own = {caller for caller in callers if TABLE.expected(name, caller) == "yes"}
        yield from _of_themselves(name, everybody, own)
        yield from _of_ana(name, everybody, [caller for caller in callers if caller not in own])
    else:
        yield from _of_anybody(name, everybody, callers)


def _of_themselves(name: str, everybody: Everybody, callers: Iterable[str]) -> Iterator[str]:
    for caller in callers:
        sender = CALLERS[caller](everybody)
        assert sender.device is not None
        sent = OF_A_SESSION[name](sender.device)
        yield from _judged(name, caller, sent, sender.send_own(sent))


def _of_ana(name: str, everybody: Everybody, callers: Iterable[str]) -> Iterator[str]:
    ana = device("ana")
    others = {caller: everybody[caller] for caller in callers}
    sent = OF_A_SESSION[name](ana)
    for caller, sender in others.items():
        yield from _judged(name, caller, sent, sender.send(sent), ana.who)
    done = sent.send(ana.app).status == sent.done
    if not done and "code" in (sent.body or {}):  # which may have run out meanwhile: then she sends the next one
        done = OF_A_SESSION[name](ana).send(ana.app).status == sent.done
    if not done:
        yield "it is not done for the person whose session it is"


def _of_anybody(name: str, everybody: Everybody, callers: Iterable[str]) -> Iterator[str]:
    for caller in callers:
        sender, door = everybody[caller], App()
        sent = OF_ANYBODY[name](door)
        if caller != "anonymous":
            answer = sender.send(sent)
            yield from _judged(name, caller, sent, answer)
            if answer.status in {200, sent.done}:
                continue  # what is good for once is used up
        yield from _judged(name, "anonymous", sent, sent.send(door))


def _judged(name: str, caller: str, sent: Signing, answer: Answer, ana: Person | None = None) -> Iterator[str]:
    expected, done = TABLE.expected(name, caller), answer.status in {200, sent.done}
    if (not done) if expected in {"yes", "own"} else _told(answer) != expected:
        yield f"{caller} is told {_told(answer)}, expected {expected}"
    seen = orjson.dumps(answer.json).decode()
    for word in (ana.email, ana.handle, ana.caller.actor) if ana else ():
        if word in seen:
            yield f"{caller} sees {word}"


def _told(answer: Answer) -> str:
    return f"{answer.status} {answer.code or ''}".strip()


def test_every_operation_without_a_permission_is_tried_by_every_caller() -> None:
    without = {name for name, row in TABLE.rows.items() if row.needs is None}
    assert set(OF_A_SESSION) | set(OF_ANYBODY) == without
    assert set(CALLERS) == set(TABLE.callers)
    assert all(TABLE.expected(name, caller) for name in without for caller in CALLERS)


@pytest.mark.parametrize("name", [*OF_A_SESSION, *OF_ANYBODY])
def test_every_caller_is_told_what_the_table_says(name: str, everybody: Everybody) -> None:
    assert list(findings(name, Everybody() if name in ALL_CHANGES else everybody)) == []


def test_control_a_session_that_cannot_be_ended_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "end_live", lambda *_args, **_kwargs: 0)
    found = findings("get_authentication_status", Everybody(), ["ended_session"])
    assert any("ended_session is told 200" in finding for finding in found)


def test_control_a_token_without_an_end_is_seen(everybody: Everybody, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_check_times", lambda *_: None)
    found = findings("get_authentication_status", everybody, ["expired_token"])
    assert any("expired_token is told 200" in finding for finding in found)


def test_control_staff_without_a_second_factor_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "needs_second_factor", lambda **_: False)
    found = findings("deactivate_totp", Everybody(), ["staff_auditor"])
    assert any("staff_auditor is told 200" in finding for finding in found)


def test_control_an_answer_that_shows_somebody_else_is_seen(
    everybody: Everybody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: an answer shows the person who has signed up last, whoever asks."""
    shown = HeadlessAdapter.user_as_dataclass

    def the_newest(self: HeadlessAdapter, _: User) -> object:
        return shown(self, User.objects.filter(username__startswith="ana").latest("id"))

    monkeypatch.setattr(HeadlessAdapter, "user_as_dataclass", the_newest)
    found = findings("get_authentication_status", everybody, ["other_organisation"])
    assert any("other_organisation sees ana" in finding for finding in found)
