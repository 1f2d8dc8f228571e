"""How allauth's headless API hands out tokens: its session token is Django's session key, the rest is ours."""

from typing import Any

from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.base.response import ConflictResponse
from allauth.headless.tokens.strategies.base import AbstractTokenStrategy
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils import timezone

from paysettle.identity import browser_sessions, timeouts, tokens
from paysettle.identity.models import LoginSession
from paysettle.identity.operations import refresh_tokens, sessions
from paysettle.identity.operations.refresh_tokens import RefreshInProgress
from paysettle.identity.session_store import SessionStore
from paysettle.identity.tokens import InvalidToken
from paysettle.kernel.errors import DomainError


class TokenStrategy(AbstractTokenStrategy):  # type: ignore[misc]
    """Session tokens, access tokens and refresh tokens for allauth's `app` client.

    A signed-in client may send its access token instead of the session token.
    """

    def get_session_token(self, request: HttpRequest) -> str | None:
        session_token: str | None = request.headers.get("X-Session-Token")
        return session_token or _bearer(request)

    def create_session_token(self, request: HttpRequest) -> str:
        session = request.session
        if isinstance(session, SessionStore) and session.opened_by_digest:
            # Whoever has an access token, which lives for minutes, gets no key of the session for it, and no new one
            # where this request has renewed it. allauth takes the same token as "nothing new to tell".
            return str(self.get_session_token(request))
        if session.session_key is None:
            session.save()
        return str(session.session_key)

    def lookup_session(self, session_token: str) -> SessionBase | None:
        session = _by_access_token(session_token) if "." in session_token else SessionStore(session_token)
        if session is None:
            return None
        session.get(SESSION_KEY)  # loads it; a session that is missing or expired then has no key
        return session if session.session_key and _may_go_on(session) else None

    def create_access_token_payload(self, request: HttpRequest) -> dict[str, Any] | None:
        pair = refresh_tokens.issue(browser_sessions.require(request))
        return {
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "expires_in": pair.expires_in,
        }

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        try:
            pair = refresh_tokens.spend(refresh_token)
        except RefreshInProgress:
            raise ImmediateHttpResponse(ConflictResponse(context.request)) from None
        except DomainError:
            return None
        return pair.access_token, pair.refresh_token


def _bearer(request: HttpRequest) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None


def _may_go_on(session: SessionBase) -> bool:
    """Tell whether the LoginSession of a Django session lives, which then was seen; before a sign-in there is none."""
    known = browser_sessions.login_session_id(session)
    if known is None:
        return SESSION_KEY not in session
    found = LoginSession.objects.select_related("user").filter(id=known).first()
    now = timezone.now()
    if found is None or not timeouts.is_live(found, now):
        return False
    sessions.seen(found, now)
    return True


def _by_access_token(token: str) -> SessionStore | None:
    try:
        claims = tokens.verify_access_token(token, timezone.now())
    except InvalidToken:
        return None
    session = LoginSession.objects.filter(id=claims.session_id, user_id=claims.user_id).first()
    return None if session is None else SessionStore.open_by_digest(bytes(session.django_session))
