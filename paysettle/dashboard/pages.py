"""The front page, and the button that runs the verifier."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from paysettle.dashboard import operations, queries
from paysettle.events import queries as events
from paysettle.identity.authentication import session_caller
from paysettle.kernel.errors import DomainError


def overview() -> dict[str, Any]:
    """Return what the front page shows."""
    now = datetime.now(UTC)
    backlogs = events.backlogs()
    return {
        "now": now,
        "counts": queries.counts(),
        "flows": queries.flows(now),
        "verification": queries.last_verification(),
        "backlogs": backlogs,
        "oldest_age_s": max((backlog.oldest_age_s for backlog in backlogs), default=0.0),
        "parked": sum(backlog.parked for backlog in backlogs),
        "malformed": sum(backlog.malformed for backlog in backlogs),
    }


def verify(request: HttpRequest) -> HttpResponse:
    """Run the verifier and go back to the front page with its verdict."""
    try:
        run = operations.verify_now(by=session_caller(request))
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        return redirect("admin:index")
    if run.right:
        messages.success(request, f"The books are right: {run.checks_count} checks found nothing wrong.")
    else:
        messages.error(request, f"The verifier has {run.findings_count} findings.")
    return redirect("admin:index")
