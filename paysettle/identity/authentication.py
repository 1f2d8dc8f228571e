"""Who is calling? By access token or API key for the API, by Django session for the pages.

`caller_on_loop` reads the token alone, for the hot route, whose batch asks the database (`standing.Standing`) under
its locks. Everything else asks at once (`standing.check`), for the permission that the view names in its `needs`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from paysettle.api import peer, throttling
from paysettle.api.problems import Unauthenticated
from paysettle.identity import api_keys, browser_sessions, standing, tokens
from paysettle.identity.api_keys import KnownKey
from paysettle.identity.caller import Caller
from paysettle.identity.models import User
from paysettle.identity.roles import Permission
from paysettle.identity.standing import NotYourParty
from paysettle.kernel import identifiers
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.identifiers import BadIdentifier

_ACTING_PARTY = "HTTP_ACTING_PARTY"


class BadActingParty(DomainError):
    """The header that names the party acted for holds no id of a party."""

    code = "bad_acting_party"
    status = 400
    title = "The header Acting-Party must hold the id of a party, like par_…."


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Which permission each method of a view needs in the party acted for; None: every role will do.

    With `fresh` a POST needs a session that has shown recently who is there (`step_up.py`), with `fresh_if_large` for
    large amounts alone, which its operation knows and asks about.
    """

    get: Permission | None = None
    post: Permission | None = None
    fresh: bool = False
    fresh_if_large: bool = False


@dataclass(frozen=True, slots=True)
class SignedInUser:
    """What DRF calls the user: signed in, and nothing more is known of them."""

    id: UUID
    by_key: bool
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True

    @property
    def pk(self) -> UUID:
        """Return the id, by the name that throttles use."""
        return self.id


def bearer_caller(request: HttpRequest) -> Caller:
    """Return who is calling according to the access token, without the database, or to the API key.

    Raises Unauthenticated (no token), tokens.InvalidToken, InvalidApiKey, AddressNotAllowed, BadActingParty. Whether
    session or key still lives, and may act for the party, is not known yet: ask `standing` before anything is shown or
    done.
    """
    token = _bearer_token(request)
    if token is None:
        raise Unauthenticated
    if api_keys.is_one(token):
        return _caller_by_key(request, api_keys.find(token))
    claims = tokens.verify_access_token(token, datetime.now(UTC))
    party_id = _acting_party(request, default=claims.party_id)  # a token names the party that the person is
    return Caller(
        user_id=claims.user_id,
        session_id=claims.session_id,
        party_id=party_id,
        as_oneself=party_id == claims.party_id,
    )


async def caller_on_loop(request: HttpRequest) -> Caller:
    """Return what `bearer_caller` returns, without holding the event loop up; Overloaded as well."""
    token = _bearer_token(request)
    if token is not None and api_keys.is_one(token):
        return _caller_by_key(request, await api_keys.find_on_loop(token))
    return bearer_caller(request)


def session_caller(request: HttpRequest) -> Caller:
    """Return who is calling according to the Django session, acting for their own party; for pages.

    Raises Unauthenticated, and SessionEnded, SecondFactorRequired or PartyDisabled as the API does.
    """
    user = request.user
    if not isinstance(user, User):
        raise Unauthenticated
    session_id = browser_sessions.require(request).id
    caller = Caller(user_id=user.id, session_id=session_id, party_id=user.own_party_id)
    standing.check(caller, None)
    return caller


class BearerAuthentication(BaseAuthentication):
    """DRF's view of the access token or API key: `request.auth` is the Caller, who may do now what the view is for.

    Where the address names an organisation, that is the party acted for, whatever the header says.
    """

    def authenticate(self, request: Request) -> tuple[SignedInUser, Caller]:
        """Return the caller; raise what `bearer_caller` and `standing.check` raise.

        Counts the request before anybody is refused, who could go on trying otherwise; raises Throttled.
        """
        try:
            caller = bearer_caller(request._request)
        except DomainError:
            throttling.count(request, peer.network_of(peer.address_of(request._request)))
            raise
        throttling.count(request, f"credential {caller.key_id or caller.session_id}")
        view, method = request.parser_context["view"], str(request.method)
        organisation = request.parser_context["kwargs"].get("organisation_id")
        needed, fresh = needed_by(view, method), needs_step_up(view, method)
        if organisation is None:
            standing.check(caller, needed, fresh=fresh)
        else:
            caller = _for_organisation(caller, organisation, needed, fresh=fresh)
        assert caller.user_id is not None  # noqa: S101 - a token names its user
        return SignedInUser(caller.user_id, by_key=caller.key_id is not None), caller

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return "Bearer"


def caller_of(request: Request) -> Caller:
    """Return who is calling a DRF view, as BearerAuthentication found it."""
    caller: Caller = request.auth  # type: ignore[assignment]  # DRF's stubs know its own tokens alone
    return caller


def needed_by(view: Any, method: str) -> Permission | None:
    """Return what a method of a view needs; AttributeError for a view that does not say, so that none is left open."""
    needs: Needs = view.needs
    return needs.post if method == "POST" else needs.get


def needs_step_up(view: Any, method: str) -> bool:
    """Tell whether a method of a view needs a session that has shown recently who is there."""
    needs: Needs = view.needs
    return needs.fresh and method == "POST"


def asks_for_large_amounts(view: Any, method: str) -> bool:
    """Tell whether a method of a view needs such a session for large amounts."""
    needs: Needs = view.needs
    return needs.fresh_if_large and method == "POST"


def _for_organisation(caller: Caller, named: str, needed: Permission | None, *, fresh: bool) -> Caller:
    """Return the caller acting for the organisation; to whoever does not belong to it, it is as absent as none."""
    try:
        caller = caller.acting_for(identifiers.parse("par", named))
        standing.check(caller, needed, fresh=fresh)
    except (BadIdentifier, NotYourParty):
        raise NotFound from None
    return caller


def _caller_by_key(request: HttpRequest, key: KnownKey) -> Caller:
    key.check_address(peer.address_of(request))
    api_keys.note_use(key)
    party_id = _acting_party(request, default=key.party_id)
    return Caller(user_id=key.made_by_id, key_id=key.id, party_id=party_id)


def _bearer_token(request: HttpRequest) -> str | None:
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token if scheme.lower() == "bearer" else None


def _acting_party(request: HttpRequest, *, default: UUID) -> UUID:
    named = request.META.get(_ACTING_PARTY)
    if named is None:
        return default
    try:
        return identifiers.parse("par", named)
    except BadIdentifier:
        raise BadActingParty from None
