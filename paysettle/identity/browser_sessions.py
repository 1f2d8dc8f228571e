"""The LoginSession of a Django session: its id stands in the session's data."""

from datetime import UTC, datetime
from typing import cast
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from paysettle.identity import step_up, timeouts
from paysettle.identity.models import LoginSession, User
from paysettle.identity.operations import sessions
from paysettle.identity.standing import SessionEnded
from paysettle.kernel import identifiers

_KEY = "login_session"


def login_session_id(session: SessionBase) -> UUID | None:
    """Return the id of the LoginSession that goes with this Django session, or None."""
    shown = session.get(_KEY)
    return identifiers.parse("ses", shown) if isinstance(shown, str) else None


def begin(request: HttpRequest, *, second_factor: bool) -> UUID:
    """Begin the LoginSession of a request that has just signed in and return its id.

    `second_factor` tells whether one was shown. Raises PersonDisabled if the person may not sign in,
    PasswordChangedMeanwhile if they have another password than when the request's user was read.
    """
    if request.session.session_key is None:
        request.session.create()
    user_agent = request.headers.get("User-Agent", "")
    key = str(request.session.session_key)
    session = sessions.begin(cast("User", request.user), key, user_agent=user_agent, second_factor=second_factor)
    request.session[_KEY] = identifiers.show("ses", session.id)
    request.session.set_expiry(session.expires_at)  # absolute: use does not prolong it
    return session.id


def live(request: HttpRequest) -> LoginSession | None:
    """Return the live LoginSession of a signed-in request, which counts as seen now; None if there is none."""
    known = login_session_id(request.session)
    if known is None or not request.user.is_authenticated:
        return None
    found = LoginSession.objects.select_related("user").filter(id=known, user_id=request.user.pk).first()
    now = datetime.now(UTC)
    if found is None or not timeouts.is_live(found, now):
        return None
    sessions.seen(found, now)
    return found


def require(request: HttpRequest) -> LoginSession:
    """Return what `live` does; raise SessionEnded if there is none."""
    found = live(request)
    if found is None:
        raise SessionEnded
    return found


def renew(request: HttpRequest, *, second_factor: bool) -> None:
    """Note that a signed-in request has shown once more who is there, and give its session another key.

    `second_factor` tells whether one was shown. Whoever had the key from before has nothing any more. Raises
    SessionEnded, too, if another request has renewed the session at the same time.
    """
    sessions.renew(session_id=require(request).id, second_factor=second_factor)
    request.session.cycle_key()


def is_fresh(request: HttpRequest) -> bool:
    """Tell whether a signed-in request has shown recently who is there. Raises SessionEnded."""
    return step_up.is_fresh(require(request).authenticated_at, datetime.now(UTC))
