"""Refresh tokens: spent once, by one of several, and a replay ends the family."""

import secrets
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from paysettle.events.models import Event
from paysettle.identity.models import LoginSession, RefreshToken, SessionEnd
from paysettle.identity.operations import people, refresh_tokens
from paysettle.identity.tests.app_client import App, at_once
from paysettle.identity.tests.people import Person, person
from paysettle.kernel import identifiers
from tests.plugin import ALL

pytestmark = pytest.mark.shared(*ALL)  # who may act decides over money


def refresh_many_times_at_once(of: Person, count: int) -> list[int]:
    """Send one refresh token from several devices at the same moment; return the statuses, sorted."""
    refresh_token = of.app().refresh_token
    answers = at_once(*[lambda: App().refresh(refresh_token) for _ in range(count)])
    for answer in answers:
        assert (answer.status == 200) == ("access_token" in answer.json)
        assert answer.status == 200 or answer.code == "refresh_in_progress"
    return sorted(answer.status for answer in answers)


def later(by: timedelta) -> None:
    """Let every spent token have been spent so much earlier."""
    for token in RefreshToken.objects.exclude(used_at=None).filter(created_at__gt=timezone.now() - timedelta(hours=1)):
        assert token.used_at is not None
        RefreshToken.objects.filter(digest=token.digest).update(used_at=token.used_at - by)


@pytest.mark.parametrize("count", [2, 8])
def test_of_several_at_once_one_wins(count: int) -> None:
    ana = person("ana")
    assert refresh_many_times_at_once(ana, count) == [200] + [409] * (count - 1)
    assert LoginSession.objects.get(id=ana.session.id).ended_at is None


def test_control_a_claim_that_always_succeeds_has_many_winners(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: spending does not look whether the token was spent."""

    def careless(digest: bytes, *, now: datetime) -> bool:
        return RefreshToken.objects.filter(digest=digest).update(used_at=now) == 1

    monkeypatch.setattr(refresh_tokens, "claim", careless)
    assert refresh_many_times_at_once(person("ana"), 8) == [200] * 8


def test_a_second_send_within_ten_seconds_is_harmless() -> None:
    ana = person("ana")
    app = ana.app()
    first = app.refresh_token
    app.refresh()
    later(timedelta(seconds=8))
    assert App().refresh(first).code == "refresh_in_progress"
    assert app.refresh().status == 200


def test_a_replay_ends_the_family_and_the_session() -> None:
    assert _tokens_left_after_a_replay() == []


def test_control_without_ending_the_family_the_thief_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: a replay is refused and nothing else happens."""
    monkeypatch.setattr(refresh_tokens, "end_family", lambda _session, *, now: None)  # noqa: ARG005
    assert _tokens_left_after_a_replay() == ["access", "refresh"]


def _tokens_left_after_a_replay() -> list[str]:
    thief = person("ana").app()
    stolen = thief.refresh_token
    assert thief.refresh().status == 200
    later(timedelta(seconds=11))
    answer = App().refresh(stolen)  # the owner comes with the token that the thief has spent
    assert (answer.status, answer.code) == (401, "refresh_token_replayed")
    left = []
    if thief.me().status == 200:
        left.append("access")
    if thief.refresh().status == 200:
        left.append("refresh")
    return left


def test_a_replay_is_an_event() -> None:
    ana = person("ana")
    app = ana.app()
    first = app.refresh_token
    app.refresh()
    later(timedelta(seconds=11))
    App().refresh(first)
    ended = Event.objects.get(stream=identifiers.show("ses", ana.session.id), type="paysettle.session.ended.v1")
    assert SessionEnd.REFRESH_TOKEN_REPLAYED.value in ended.data
    assert first not in ended.data
    assert App().refresh(first).code == "session_ended"


def test_refreshing_does_not_prolong_the_session() -> None:
    ana = person("ana")
    app = ana.app()
    app.refresh()
    tokens = RefreshToken.objects.filter(session=ana.session)
    assert {token.expires_at for token in tokens} == {ana.session.expires_at}
    tokens.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert app.refresh().code == "invalid_refresh_token"


def test_a_disabled_person_gets_no_new_token() -> None:
    ana, staff = person("ana"), person("sam", staff=True)
    app = ana.app()
    people.disable(by=staff.caller, user_id=ana.user.id, reason="left the company")
    assert app.refresh().code == "session_ended"


@pytest.mark.parametrize("nonsense", ["", "x", "ä" * 40, "x" * 129, "\0"])
def test_a_token_that_is_none_is_refused(nonsense: str) -> None:
    assert App().refresh(nonsense).status in {401, 422}


def test_an_access_token_does_not_refresh() -> None:
    app = person("ana").app()
    assert app.refresh(app.access_token).status == 422  # far too long to be one
    assert app.refresh(secrets.token_urlsafe(32)).code == "invalid_refresh_token"


def test_the_refresh_of_allauth_is_the_same() -> None:
    app = person("ana").app()
    first = app.refresh_token
    path = "/_allauth/app/v1/tokens/refresh"
    answer = app.call("POST", path, {"refresh_token": first})
    assert answer.status == 200
    assert app.call("POST", path, {"refresh_token": first}).status == 409
    assert app.call("POST", path, {"refresh_token": "x"}).status == 400
    assert App().refresh(answer.json["data"]["refresh_token"]).status == 200


def test_expired_tokens_are_forgotten() -> None:
    ana = person("ana")
    ana.app()
    RefreshToken.objects.filter(session=ana.session).update(expires_at=timezone.now() - timedelta(days=2))
    assert refresh_tokens.forget_expired(older_than=timezone.now() - timedelta(days=1)) >= 1
    assert not RefreshToken.objects.filter(session=ana.session).exists()
