"""Who is staff, and in which role.

Whatever could take the last administrator away locks the rows of all administrators and asks under the locks, so of two
who dismiss each other one is too late.
"""

from uuid import UUID

from paysettle.identity import standing, timeouts
from paysettle.identity.caller import Caller
from paysettle.identity.models import AdminVerb, LoginSession, Membership, Party, PartyState, User
from paysettle.identity.operations import recording
from paysettle.identity.roles import StaffPermission, StaffRole
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.transactions import Transaction

NO_ROLE = "none"
"""How events name that somebody is no staff."""


class OwnStaffRole(DomainError):
    """An administrator tried to change their own staff role."""

    code = "own_staff_role"
    status = 409
    title = "You cannot change your own staff role: another administrator must."


class OwnAffair(DomainError):
    """A member of staff would decide, as staff, about a party that they act for themself."""

    code = "own_affair"
    status = 409
    title = "You act for this party yourself: another member of staff must do this."


class LastAdministrator(DomainError):
    """Without this administrator nobody could manage staff: one who may sign in must remain."""

    code = "last_administrator"
    status = 409
    title = "There must be an administrator: appoint another one first."


def appoint(*, by: Caller, user_id: UUID, role: StaffRole, reason: str) -> None:
    """Make a person a member of staff, or give one another role, from their next request on.

    Their sessions live no longer than those of staff from then on. The same role changes nothing. Raises StaffOnly,
    StaffNotPermitted, ReasonMissing, NotFound, OwnStaffRole, PartyClosed, LastAdministrator.
    """
    _set_role(by=by, user_id=user_id, role=role.value, verb=AdminVerb.APPOINTED, reason=reason)


def dismiss(*, by: Caller, user_id: UUID, reason: str) -> None:
    """Make a member of staff a person like others. Raises what `appoint` raises; who is no staff stays so."""
    _set_role(by=by, user_id=user_id, role="", verb=AdminVerb.DISMISSED, reason=reason)


def lock(user_id: UUID) -> User:
    """Lock a person, and all administrators with them, inside the open transaction. Raises NotFound."""
    of_administrators = User.objects.filter(staff_role=StaffRole.ADMINISTRATOR).values_list("id", flat=True)
    wanted = {user_id, *of_administrators}
    locked = {user.id: user for user in User.objects.select_for_update().filter(id__in=wanted).order_by("id")}
    if user_id not in locked:
        raise NotFound
    return locked[user_id]


def check_not_closed(user: User) -> None:
    """Raise PartyClosed if the person has closed their account."""
    if Party.objects.filter(id=user.own_party_id, state=PartyState.CLOSED).exists():
        raise standing.PartyClosed


def _check_confirmed(user: User) -> None:
    """Raise PartyPending if the person has not confirmed their address yet."""
    if Party.objects.filter(id=user.own_party_id, state=PartyState.PENDING).exists():
        raise standing.PartyPending


def needed_to_touch(user: User, otherwise: StaffPermission) -> StaffPermission:
    """Return what it takes to keep a person out or let them in: staff are touched by those who manage staff."""
    return StaffPermission.STAFF_MANAGE if user.staff_role else otherwise


def check_about(party_id: UUID | None, *, by: Caller, needed: StaffPermission, reason: str) -> str:
    """Return the reason, in its stored form, for what staff are about to do to a party, or to what belongs to it.

    What belongs to staff is touched by those who manage staff, and what is one's own by somebody else. Raises what
    `check_staff` raises, OwnAffair.
    """
    person = User.objects.filter(own_party_id=party_id).first()
    stored = recording.check_staff(by, needed if person is None else needed_to_touch(person, needed), reason=reason)
    if Membership.objects.filter(user_id=by.user_id, party_id=party_id).exists():
        raise OwnAffair
    return stored


def keep_an_administrator(user: User) -> None:
    """Raise LastAdministrator if nobody else is one who may act; `lock` must have been taken."""
    if user.staff_role != StaffRole.ADMINISTRATOR:
        return
    able = User.objects.filter(staff_role=StaffRole.ADMINISTRATOR, is_active=True, own_party__state=PartyState.ACTIVE)
    if not able.exclude(id=user.id).exists():
        raise LastAdministrator


def _set_role(*, by: Caller, user_id: UUID, role: str, verb: AdminVerb, reason: str) -> None:
    def work(tx: Transaction) -> None:
        user = lock(user_id)
        stored_reason = recording.check_staff(by, StaffPermission.STAFF_MANAGE, reason=reason)
        if by.user_id == user.id:
            raise OwnStaffRole
        if role:
            check_not_closed(user)
            _check_confirmed(user)
        before = user.staff_role
        if before == role:
            return
        keep_an_administrator(user)
        now = tx.read_clock()
        User.objects.filter(id=user.id).update(staff_role=role, version=user.version + 1)
        if role:
            ends_at = now + timeouts.limits(staff=True).life
            LoginSession.objects.filter(user=user, expires_at__gt=ends_at).update(expires_at=ends_at)
        recording.admin_action(by=by, subject_kind="user", subject_id=user.id, verb=verb, reason=stored_reason, at=now)
        recording.event(
            stream=identifiers.show("usr", user.id),
            version=user.version + 1,
            type_="person.staff_role_changed",
            actor=by.actor,
            party=by.party,
            at=now,
            data={"role": role or NO_ROLE, "role_before": before or NO_ROLE},
        )

    transactions.run(work)
