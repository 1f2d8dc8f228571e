"""How this slice writes into the event log and the table of what staff did."""

from datetime import datetime
from typing import Any
from uuid import UUID

from structlog.contextvars import get_contextvars

from paysettle.events import log
from paysettle.events.log import NewEvent
from paysettle.identity.caller import Caller
from paysettle.identity.models import AdminAction, AdminVerb, LoginSession, User
from paysettle.identity.standing import SecondFactorRequired
from paysettle.kernel import identifiers
from paysettle.kernel.errors import DomainError

REASON_LENGTH_MAX = 500


class ReasonMissing(DomainError):
    """Staff must say why they disable or enable somebody, in at most 500 characters."""

    code = "reason_missing"
    status = 422
    title = f"A reason of 1 to {REASON_LENGTH_MAX} printable characters is needed."


class StaffOnly(DomainError):
    """Only staff may do this to others."""

    code = "staff_only"
    status = 403
    title = "Only staff may do this."


def event(
    *, stream: str, version: int, type_: str, actor: str, party: str, at: datetime, data: dict[str, Any] | None = None
) -> None:
    """Collect an event for the end of the transaction that is open; `type_` is like `person.disabled`."""
    request_id = get_contextvars().get("request_id") or identifiers.show("req", identifiers.new())
    log.record(
        NewEvent(
            event_id=identifiers.new(),
            stream=stream,
            version=version,
            type=f"paysettle.{type_}.v1",
            actor=actor,
            party=party,
            data=data or {},
            request_id=str(request_id),
            at=at,
        )
    )


def check_staff(by: Caller, *, reason: str) -> str:
    """Return the reason in its stored form; ask inside the transaction.

    Raises StaffOnly, SecondFactorRequired, ReasonMissing.
    """
    if by.key_id is not None:
        raise StaffOnly  # no machine is staff, whoever made its key
    # Without a user the caller is an operator at the command line, who could change the tables as well.
    if by.user_id is not None and not is_staff(by):
        raise StaffOnly
    stored = reason.strip()
    if not 1 <= len(stored) <= REASON_LENGTH_MAX or not all(line.isprintable() for line in stored.splitlines()):
        raise ReasonMissing
    return stored


def is_staff(by: Caller) -> bool:
    """Tell whether a person is staff; raise SecondFactorRequired if so and their session has not shown one."""
    if not User.objects.filter(id=by.user_id, is_staff=True, is_active=True).exists():
        return False
    if not LoginSession.objects.filter(id=by.session_id, user_id=by.user_id, second_factor_at__isnull=False).exists():
        raise SecondFactorRequired
    return True


def admin_action(
    *, by: Caller, subject_kind: str, subject_id: UUID, verb: AdminVerb, reason: str, at: datetime
) -> None:
    """Write what staff did and why."""
    AdminAction.objects.create(
        actor=by.actor, subject_kind=subject_kind, subject_id=subject_id, verb=verb, reason=reason, created_at=at
    )
