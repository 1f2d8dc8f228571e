"""How long sessions live: the one table of the two timeouts, and the one answer to whether a session lives.

A session is over at the latest at `expires_at`, however busy it is; and when nothing was seen of it for the idle time.
It is seen when its tokens are refreshed, and when it calls without tokens (the staff's pages, allauth's session
token). An access token lives for five minutes, so by tokens the idle time is known to that precision.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings

from paysettle.identity.models import LoginSession

SEEN_EVERY = timedelta(minutes=1)
"""How much older `last_seen_at` must be before it is written again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session may be idle, and how long it may live at all."""

    idle: timedelta
    life: timedelta


STAFF = Limits(idle=timedelta(minutes=30), life=timedelta(hours=12))
"""Staff look at everybody's money, often on shared machines."""


def limits(*, staff: bool) -> Limits:
    """Return the limits of a person's sessions."""
    if staff:
        return STAFF
    return Limits(idle=timedelta(seconds=settings.SESSION_IDLE_S), life=timedelta(seconds=settings.SESSION_LIFE_S))


def is_live(session: LoginSession, now: datetime) -> bool:
    """Tell whether a session lives; its person is looked at, too."""
    seen_since = now - limits(staff=session.user.is_staff).idle
    ended = session.ended_at is not None or not session.user.is_active
    return not ended and session.expires_at > now and session.last_seen_at > seen_since


LIVE = (
    "s.ended_at IS NULL AND u.is_active AND s.expires_at > %s"
    " AND s.last_seen_at > CASE WHEN u.staff_role <> '' THEN %s ELSE %s END"
)
"""`is_live` as a condition on sessions `s` joined with their users `u`; `live_at` gives its parameters."""


def live_at(now: datetime) -> list[str]:
    """Return the parameters of LIVE."""
    moments = (now, now - limits(staff=True).idle, now - limits(staff=False).idle)
    return [moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") for moment in moments]
