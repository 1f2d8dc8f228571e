"""Disabling people, letting them back in, and signing them out."""

from uuid import UUID

from paysettle.identity.caller import Caller
from paysettle.identity.models import AdminVerb, LoginSession, SessionEnd, User
from paysettle.identity.operations import live_keys, recording, sessions, staff
from paysettle.identity.roles import StaffPermission
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction


class CannotDisableYourself(DomainError):
    """A member of staff tried to disable themself."""

    code = "cannot_disable_yourself"
    status = 409
    title = "You cannot disable yourself: another member of staff must."


def disable(*, by: Caller, user_id: UUID, reason: str) -> None:
    """Keep a person out, end all their sessions and revoke the API keys they made: the very next call is refused.

    Members of staff are disabled by those who manage staff. Disabling twice changes nothing. Raises StaffOnly,
    StaffNotPermitted, ReasonMissing, CannotDisableYourself, NotFound, PartyClosed, LastAdministrator.
    """
    if by.user_id == user_id:
        raise CannotDisableYourself
    _set_active(by=by, user_id=user_id, active=False, reason=reason)


def enable(*, by: Caller, user_id: UUID, reason: str) -> None:
    """Let a person sign in again; ended sessions and keys stay ended.

    Raises StaffOnly, StaffNotPermitted, ReasonMissing, NotFound, PartyClosed.
    """
    _set_active(by=by, user_id=user_id, active=True, reason=reason)


def sign_out(*, by: Caller, user_id: UUID, reason: str) -> None:
    """End all sessions of a person, who may sign in again at once.

    Raises StaffOnly, StaffNotPermitted, ReasonMissing, NotFound.
    """

    def work(tx: Transaction) -> None:
        user = staff.lock(user_id)
        stored_reason = recording.check_staff(
            by, staff.needed_to_touch(user, StaffPermission.SESSIONS_END), reason=reason
        )
        now = tx.read_clock()
        sessions.end_live(LoginSession.objects.filter(user=user), reason=SessionEnd.REVOKED, by=by, at=now)
        recording.admin_action(
            by=by, subject_kind="user", subject_id=user.id, verb=AdminVerb.SIGNED_OUT, reason=stored_reason, at=now
        )

    transactions.run(work)


def _set_active(*, by: Caller, user_id: UUID, active: bool, reason: str) -> None:
    verb = AdminVerb.ENABLED if active else AdminVerb.DISABLED

    def work(tx: Transaction) -> None:
        user = staff.lock(user_id)
        needed = staff.needed_to_touch(user, StaffPermission.PERSON_DISABLE)
        stored_reason = recording.check_staff(by, needed, reason=reason)
        staff.check_not_closed(user)
        if user.is_active == active:
            return
        if not active:
            staff.keep_an_administrator(user)
        now = tx.read_clock()
        User.objects.filter(id=user.id).update(is_active=active, version=user.version + 1)
        if not active:
            of_user = LoginSession.objects.filter(user=user)
            sessions.end_live(of_user, reason=SessionEnd.PERSON_DISABLED, by=by, at=now)
            live_keys.fall_with_person(user_id=user.id, by=by, at=now)
        recording.admin_action(by=by, subject_kind="user", subject_id=user.id, verb=verb, reason=stored_reason, at=now)
        recording.event(
            stream=identifiers.show("usr", user.id),
            version=user.version + 1,
            type_=f"person.{verb.value}",
            actor=by.actor,
            party=by.party,
            at=now,
        )

    transactions.run(work)
