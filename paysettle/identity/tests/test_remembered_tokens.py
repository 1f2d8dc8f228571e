"""Signatures are checked once per token and process; nothing else about a token is remembered.

Time, addressee, keys and the session are asked about with every use: a remembered token that has expired, whose key is
gone or whose session has ended is refused like any other.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.test import override_settings
from joserfc import jws

from paysettle.identity import jwt_keys, tokens
from paysettle.identity.caller import Caller
from paysettle.identity.operations import people, sessions
from paysettle.identity.tests.people import Person, person
from paysettle.identity.tokens import InvalidToken, verify_access_token
from paysettle.kernel import identifiers
from tests import people as payers
from tests.http import InProcess

HOT = "/api/v1/payments"


@pytest.fixture
def key_file(tmp_path: Path) -> Iterator[Path]:
    """Use keys of this test's own."""
    with override_settings(JWT_KEYS_FILE=str(tmp_path / "jwt.json")):
        call_command("jwt_keys", "create", verbosity=0)
        yield jwt_keys.path()


def remembered(who: Person, now: datetime) -> str:
    """Return a token that has been verified before."""
    token = tokens.issue_access_token(who.session, who.user, now)
    verify_access_token(token, now)
    return token


def test_a_signature_is_checked_once() -> None:
    now = datetime.now(UTC)
    token = remembered(person("ana"), now)
    with patch.object(jws, "deserialize_compact", side_effect=AssertionError("checked again")):
        first = verify_access_token(token, now)
        assert verify_access_token(token, now) == first


def test_it_expires_all_the_same() -> None:
    now = datetime.now(UTC)
    token = remembered(person("ana"), now)
    almost = now + tokens.ACCESS_TOKEN_LIFE + timedelta(seconds=tokens.LEEWAY_S - 1)
    verify_access_token(token, almost)
    with pytest.raises(InvalidToken, match="expired"):
        verify_access_token(token, almost + timedelta(seconds=2))


def test_it_is_not_good_before_its_time() -> None:
    now = datetime.now(UTC)
    token = remembered(person("ana"), now)
    with pytest.raises(InvalidToken):
        verify_access_token(token, now - timedelta(seconds=tokens.LEEWAY_S + 2))


def test_it_is_not_good_for_another_installation() -> None:
    now = datetime.now(UTC)
    token = remembered(person("ana"), now)
    with override_settings(PUBLIC_URL="https://another.example"), pytest.raises(InvalidToken):
        verify_access_token(token, now)


def test_it_dies_with_its_key(key_file: Path) -> None:
    now = datetime.now(UTC)
    token = remembered(person("ana"), now)
    call_command("jwt_keys", "rotate")
    verify_access_token(token, now)
    call_command("jwt_keys", "retire")
    with pytest.raises(InvalidToken):
        verify_access_token(token, now)
    assert key_file.exists()


def test_control_without_the_keys_it_would_outlive_its_key(key_file: Path) -> None:
    """The planted bug: what was remembered under one reading of the key file counts for every other."""
    now = datetime.now(UTC)
    token = remembered(person("ana"), now)
    before = jwt_keys.current()
    call_command("jwt_keys", "rotate")
    call_command("jwt_keys", "retire")
    with patch.object(jwt_keys, "current", return_value=before):
        verify_access_token(token, now)
    assert key_file.exists()


def test_a_token_that_was_tampered_with_is_another_token() -> None:
    now = datetime.now(UTC)
    token = remembered(person("ana"), now)
    head, claims, signature = token.split(".")
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    with pytest.raises(InvalidToken):
        verify_access_token(f"{head}.{claims}.{flipped}", now)


def test_refusals_are_not_remembered_and_the_memory_is_bounded() -> None:
    before = tokens._verified.cache_info()
    assert before.maxsize == tokens.REMEMBERED_MAX
    for n in range(50):
        with pytest.raises(InvalidToken):
            verify_access_token(f"a{n}.b.c", datetime.now(UTC))
    assert tokens._verified.cache_info().currsize == before.currsize


@pytest.mark.parametrize("ended", ["session", "person"])
def test_a_remembered_token_of_an_ended_session_pays_nothing(ended: str) -> None:
    ana, ben = payers.person("ana"), payers.person("ben")
    payers.deposit(ana, 100)
    client = InProcess(ana)
    order = {"payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}}
    assert client.post(HOT, order).status == 201
    if ended == "session":
        sessions.end_with_django_session(bytes(ana.session.django_session))
    else:
        operator = Caller(party_id=identifiers.SYSTEM, operator="tests")
        people.disable(by=operator, user_id=ana.user.id, reason="test")
    refused = client.post(HOT, order)
    assert (refused.status, refused.document["code"]) == (401, "session_ended")
