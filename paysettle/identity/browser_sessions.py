"""The LoginSession of a Django session: its id stands in the session's data."""

from typing import cast
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from paysettle.identity.models import LoginSession, User
from paysettle.identity.operations import sessions
from paysettle.kernel import identifiers

_KEY = "login_session"


def login_session_id(session: SessionBase) -> UUID | None:
    """Return the id of the LoginSession that goes with this Django session, or None."""
    shown = session.get(_KEY)
    return identifiers.parse("ses", shown) if isinstance(shown, str) else None


def ensure(request: HttpRequest) -> UUID:
    """Return the id of the LoginSession of a signed-in request, beginning it if there is none yet.

    There is none right after a sign-in, and after a sign-in by a page that is not ours (the admin's). Raises
    PersonDisabled if the person may not sign in.
    """
    user = cast("User", request.user)
    known = login_session_id(request.session)
    if known is not None and LoginSession.objects.filter(id=known, user=user, ended_at=None).exists():
        return known
    if request.session.session_key is None:
        request.session.create()
    session = sessions.begin(user, str(request.session.session_key))
    request.session[_KEY] = identifiers.show("ses", session.id)
    request.session.set_expiry(session.expires_at)  # absolute: use does not prolong it
    return session.id
