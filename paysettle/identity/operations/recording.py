"""How this slice writes into the event log and the table of what staff did."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from structlog.contextvars import get_contextvars

from paysettle.events import log
from paysettle.events.log import NewEvent
from paysettle.identity import roles, step_up
from paysettle.identity.caller import Caller
from paysettle.identity.models import AdminAction, AdminVerb, LoginSession, Party, User
from paysettle.identity.roles import StaffPermission
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


class StaffNotPermitted(DomainError):
    """The caller is staff, in a role that does not allow this; `permission` names what is missing."""

    code = "staff_not_permitted"
    status = 403
    title = "Your staff role does not allow this."

    def __init__(self, permission: StaffPermission) -> None:
        super().__init__(f"{self.title} It needs the permission {permission}.", permission=permission.value)


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


def opened(party: Party, *, actor: str, at: datetime) -> None:
    """Collect the event that a party takes part from now on."""
    name = identifiers.show("par", party.id)
    event(stream=name, version=1, type_="party.opened", actor=actor, party=name, at=at, data={"kind": party.kind})


def need_staff(by: Caller, needed: StaffPermission) -> None:
    """Raise unless the caller may do this to others; ask inside the transaction.

    Raises StaffOnly, SecondFactorRequired (their session has not shown one), StaffNotPermitted.
    """
    if by.key_id is not None:
        raise StaffOnly  # no machine is staff, whoever made its key
    if by.user_id is None:
        return  # an operator at the command line, who could change the tables as well
    role = User.objects.filter(id=by.user_id, is_active=True).values_list("staff_role", flat=True).first()
    if not role:
        raise StaffOnly
    if not LoginSession.objects.filter(id=by.session_id, user_id=by.user_id, second_factor_at__isnull=False).exists():
        raise SecondFactorRequired
    if not roles.staff_allows(role, needed):
        raise StaffNotPermitted(needed)


def check_staff(by: Caller, needed: StaffPermission, *, reason: str) -> str:
    """Return the reason in its stored form, for what staff are about to change of others.

    Raises what `need_staff` raises, StepUpRequired, ReasonMissing.
    """
    need_staff(by, needed)
    if by.session_id is not None:
        step_up.check(LoginSession.objects.get(id=by.session_id).authenticated_at, datetime.now(UTC))
    stored = reason.strip()
    if not 1 <= len(stored) <= REASON_LENGTH_MAX or not all(line.isprintable() for line in stored.splitlines()):
        raise ReasonMissing
    return stored


def admin_action(
    *, by: Caller, subject_kind: str, subject_id: UUID, verb: AdminVerb, reason: str, at: datetime
) -> None:
    """Write what staff did and why."""
    AdminAction.objects.create(
        actor=by.actor, subject_kind=subject_kind, subject_id=subject_id, verb=verb, reason=reason, created_at=at
    )
