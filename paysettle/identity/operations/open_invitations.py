"""The open invitations of an organisation, and how each ends: under the organisation's lock, with its event."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from paysettle.identity import roles
from paysettle.identity.caller import Caller
from paysettle.identity.models import Invitation, InvitationState
from paysettle.identity.operations import recording
from paysettle.identity.roles import Role
from paysettle.kernel import identifiers


def of(organisation_id: UUID) -> "QuerySet[Invitation]":
    """Return the open invitations of an organisation, expired ones included."""
    return Invitation.objects.filter(organisation_id=organisation_id, state=InvitationState.OPEN)


def end(invitation: Invitation, state: InvitationState, *, by: Caller, at: datetime) -> None:
    """Note what became of an open invitation."""
    invitation.state, invitation.version = state, invitation.version + 1
    Invitation.objects.filter(id=invitation.id).update(state=state, version=invitation.version)
    record(invitation, state.value, by=by, at=at)


def fall(*, organisation_id: UUID, made_by: UUID, role: Role | None, by: Caller, at: datetime) -> None:
    """Revoke what a person has invited to and may not any more, now that they have this role, or none."""
    for invitation in of(organisation_id).filter(made_by_id=made_by):
        if role is None or not roles.allows(role, roles.needed_to_touch(Role(invitation.role))):
            end(invitation, InvitationState.REVOKED, by=by, at=at)


def record(invitation: Invitation, what: str, *, by: Caller, at: datetime) -> None:
    """Write the event: `made`, `accepted` or `revoked`."""
    recording.event(
        stream=identifiers.show("inv", invitation.id),
        version=invitation.version,
        type_=f"invitation.{what}",
        actor=by.actor,
        party=by.party,
        at=at,
        data={
            "invitation": identifiers.show("inv", invitation.id),
            "organisation": identifiers.show("par", invitation.organisation_id),
            "role": Role(invitation.role).value,
        },
    )
