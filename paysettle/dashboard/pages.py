"""The front page, and the button that runs the verifier."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from paysettle.dashboard import operations, queries
from paysettle.dashboard.permissions import may, require, sees_money
from paysettle.events import queries as events
from paysettle.identity.authentication import session_caller
from paysettle.identity.roles import StaffPermission
from paysettle.kernel.errors import DomainError


def overview(request: HttpRequest) -> dict[str, Any]:
    """Return what the front page shows to whoever looks at it."""
    now = datetime.now(UTC)
    backlogs = events.backlogs()
    money = sees_money(request)
    return {
        "now": now,
        "counts": [count for count in queries.counts() if may(request, count.needs)],
        "sees_money": money,
        "may_verify": may(request, StaffPermission.BOOKS_VERIFY),
        "flows": queries.flows(now) if money else [],
        "verification": queries.last_verification() if money else None,
        "backlogs": backlogs,
        "oldest_age_s": max((backlog.oldest_age_s for backlog in backlogs), default=0.0),
        "parked": sum(backlog.parked for backlog in backlogs),
        "malformed": sum(backlog.malformed for backlog in backlogs),
    }


def verify(request: HttpRequest) -> HttpResponse:
    """Run the verifier and go back to the front page with its verdict."""
    require(request, StaffPermission.BOOKS_VERIFY)
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
