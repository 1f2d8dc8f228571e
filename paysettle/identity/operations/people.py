"""Disabling people and letting them back in."""

from uuid import UUID

from paysettle.identity import standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import AdminVerb, LoginSession, Party, PartyState, SessionEnd, User
from paysettle.identity.operations import live_keys, recording, sessions
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.transactions import Transaction


class CannotDisableYourself(DomainError):
    """A member of staff tried to disable themself."""

    code = "cannot_disable_yourself"
    status = 409
    title = "You cannot disable yourself: another member of staff must."


def disable(*, by: Caller, user_id: UUID, reason: str) -> None:
    """Keep a person out, end all their sessions and revoke the API keys they made: the very next call is refused.

    Disabling twice changes nothing. Raises StaffOnly, ReasonMissing, CannotDisableYourself, NotFound,
    PartyClosed.
    """
    if by.user_id == user_id:
        raise CannotDisableYourself
    _set_active(by=by, user_id=user_id, active=False, reason=reason)


def enable(*, by: Caller, user_id: UUID, reason: str) -> None:
    """Let a person sign in again; ended sessions and keys stay ended.

    Raises StaffOnly, ReasonMissing, NotFound, PartyClosed.
    """
    _set_active(by=by, user_id=user_id, active=True, reason=reason)


def _set_active(*, by: Caller, user_id: UUID, active: bool, reason: str) -> None:
    verb = AdminVerb.ENABLED if active else AdminVerb.DISABLED

    def work(tx: Transaction) -> None:
        stored_reason = recording.check_staff(by, reason=reason)
        user = User.objects.select_for_update().filter(id=user_id).first()
        if user is None:
            raise NotFound
        if Party.objects.filter(id=user.own_party_id, state=PartyState.CLOSED).exists():
            raise standing.PartyClosed
        if user.is_active == active:
            return
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
