"""Step-up: what is sensitive needs a session that has shown not long ago who is there.

A session shows it when it begins, and again by a password or a code (allauth's `reauthenticate`). A view asks for it
by `Needs(..., fresh=True)`, money by `Standing.check_fresh`; both end here.
"""

from datetime import datetime, timedelta

from django.conf import settings

from paysettle.kernel.errors import DomainError


class StepUpRequired(DomainError):
    """The session has not shown recently enough who is there; password or code at `auth/reauthenticate` do it."""

    code = "step_up_required"
    status = 403
    title = "Show once more that it is you, by your password or a code, then send this again."


def check(authenticated_at: datetime, now: datetime) -> None:
    """Raise StepUpRequired unless a session that last showed then who is there is fresh now."""
    if not is_fresh(authenticated_at, now):
        raise StepUpRequired


def is_fresh(authenticated_at: datetime, now: datetime) -> bool:
    """Tell whether it is not too long ago."""
    return now - authenticated_at < timedelta(seconds=settings.STEP_UP_MAX_AGE_S)


def concerns(amount_minor: int) -> bool:
    """Tell whether a payment of so many minor units, of whatever currency, is large enough to need it."""
    return 0 < settings.STEP_UP_PAYMENT_MINOR <= amount_minor
