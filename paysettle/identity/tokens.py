"""Access tokens: JWTs (RFC 9068) of five minutes, signed with ES256.

They say who is calling, in which session. They do not say that the session still lives: money calls and every DRF
view ask the database for that (`standing.py`). Checking follows RFC 8725: one algorithm, keys from our file alone, a
type of their own, issuer, audience and times always.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from joserfc import jws
from joserfc.errors import JoseError

from paysettle.identity import jwt_keys
from paysettle.identity.models import LoginSession, User
from paysettle.kernel import identifiers
from paysettle.kernel.errors import DomainError
from paysettle.kernel.identifiers import BadIdentifier

AUDIENCE = "paysettle"
TYPE = "at+jwt"
ACCESS_TOKEN_LIFE = timedelta(minutes=5)

_LIFE_S = int(ACCESS_TOKEN_LIFE.total_seconds())

LEEWAY_S = 30
"""By how much the clocks of two of our machines may differ."""

LENGTH_MAX = 2048

REMEMBERED_MAX = 10_000
"""How many tokens a process remembers as well signed, so that their signature is checked once and not for each call."""

_THREE_PARTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+", re.ASCII)
_HEADER = {"alg", "typ", "kid"}


class InvalidToken(DomainError):
    """The access token is not one of ours, has expired, or is not for us."""

    code = "invalid_token"
    status = 401
    title = "The access token is not valid."


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What a valid access token says."""

    user_id: UUID
    session_id: UUID
    party_id: UUID
    expires_at: datetime


def issue_access_token(session: LoginSession, user: User, now: datetime) -> str:
    """Return an access token for a session, which it does not outlive. Raises KeyFileError without keys.

    It names the party that the person is: who acts for another one says so with each request.
    """
    key = jwt_keys.current().signing
    issued_s = int(now.timestamp())
    claims = {
        "iss": settings.PUBLIC_URL,
        "aud": AUDIENCE,
        "sub": identifiers.show("usr", user.id),
        "party": identifiers.show("par", user.own_party_id),
        "sid": identifiers.show("ses", session.id),
        "jti": identifiers.show("tok", identifiers.new()),
        "iat": issued_s,
        "nbf": issued_s,
        "exp": int(min(now + ACCESS_TOKEN_LIFE, session.expires_at).timestamp()),
    }
    header = {"alg": jwt_keys.ALGORITHM, "typ": TYPE, "kid": key.kid}
    return jws.serialize_compact(header, json.dumps(claims), key, algorithms=[jwt_keys.ALGORITHM])


def verify_access_token(token: str, now: datetime) -> AccessToken:
    """Return what an access token says; raise InvalidToken unless everything about it is right. No database."""
    found = _verified(token, jwt_keys.current(), settings.PUBLIC_URL)
    _check_times(found, now)
    return found.token


@dataclass(frozen=True, slots=True)
class _Verified:
    """A token that is ours, and its times (seconds since the epoch)."""

    token: AccessToken
    issued_s: int
    not_before_s: int
    expires_s: int


# Only what never changes is remembered, and only while keys and issuer stay: with others the question is another.
# Refusals are not remembered, so nobody can push the tokens of others out with tokens that are not ours.
@lru_cache(maxsize=REMEMBERED_MAX)
def _verified(token: str, keys: jwt_keys.Keys, issuer: str) -> _Verified:
    """Return a token whose header is exactly ours, whose signature one of these keys made, and that is for us."""
    claims = _signed_claims(token, keys)
    _check_addressee(claims, issuer)
    if not isinstance(claims.get("jti"), str):
        raise InvalidToken
    issued_s, not_before_s, expires_s = (_moment_s(claims, name) for name in ("iat", "nbf", "exp"))
    try:
        said = AccessToken(
            user_id=identifiers.parse("usr", claims["sub"]),
            session_id=identifiers.parse("ses", claims["sid"]),
            party_id=identifiers.parse("par", claims["party"]),
            expires_at=datetime.fromtimestamp(expires_s, UTC),
        )
    except (BadIdentifier, KeyError, AttributeError, ValueError, OverflowError):
        raise InvalidToken from None
    return _Verified(said, issued_s, not_before_s, expires_s)


def _signed_claims(token: str, keys: jwt_keys.Keys) -> Mapping[str, Any]:
    """Return the claims of a token whose header is exactly ours and whose signature one of these keys made."""
    parts = _THREE_PARTS.fullmatch(token) if len(token) <= LENGTH_MAX else None
    if parts is None:
        raise InvalidToken
    header = _json_object(parts[1])
    # Nothing but these three: a key or an address of keys in the header (jwk, jku, x5u, x5c) is never looked at.
    if header.keys() != _HEADER or header["alg"] != jwt_keys.ALGORITHM or header["typ"] != TYPE:
        raise InvalidToken
    kid = header["kid"]
    key = keys.verifying.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise InvalidToken
    try:
        jws.deserialize_compact(token, key, algorithms=[jwt_keys.ALGORITHM])
    except (JoseError, ValueError):
        raise InvalidToken from None
    return _json_object(parts[2])


def _check_addressee(claims: Mapping[str, Any], issuer: str) -> None:
    if claims.get("iss") != issuer or claims.get("aud") != AUDIENCE:
        raise InvalidToken


def _check_times(found: _Verified, now: datetime) -> None:
    now_s = now.timestamp()
    if found.expires_s <= now_s - LEEWAY_S:
        raise InvalidToken("The access token has expired.")
    if max(found.issued_s, found.not_before_s) > now_s + LEEWAY_S or found.expires_s - found.issued_s > _LIFE_S:
        raise InvalidToken


def _moment_s(claims: Mapping[str, Any], name: str) -> int:
    moment = claims.get(name)
    if type(moment) is not int:  # a truth value is an int as well
        raise InvalidToken
    return moment


def _json_object(segment: str) -> dict[str, Any]:
    """Return the JSON object in a part of a token; a name that stands twice makes it invalid."""
    try:
        raw = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        found = json.loads(raw.decode(), object_pairs_hook=_without_duplicates)
    except (binascii.Error, ValueError, RecursionError):
        raise InvalidToken from None
    if not isinstance(found, dict):
        raise InvalidToken
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidToken
    return found
