"""Changing a password.

A change or a reset ends every session of the person but the one in which it happens, if there is one: that person has
just shown the old password or the code. Its Django session key is renewed by the door; whoever stole another session
is out at once. Of two changes at the same time the first one counts: the second came with a password, and maybe by a
session, that the first has put an end to.
"""

from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password

from paysettle.identity import personal, timeouts
from paysettle.identity.caller import Caller
from paysettle.identity.models import LoginSession, SessionEnd, User
from paysettle.identity.operations import recording, sessions
from paysettle.identity.operations.sessions import PasswordChangedMeanwhile, PersonDisabled
from paysettle.identity.standing import SessionEnded
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction


class AddressChangedMeanwhile(DomainError):
    """The person has another address than when the request began: a code to the one before is good no more."""

    code = "address_changed_meanwhile"
    status = 409
    title = "The e-mail address has been changed meanwhile, by another request."


def change(*, by: User, password: str, keep_session: UUID | None) -> None:
    """Give a person a new password and end their other sessions. `by` carries the new hash afterwards.

    Raises PasswordChangedMeanwhile if the person has another password than when `by` was read, AddressChangedMeanwhile
    if another address, PersonDisabled, SessionEnded if `keep_session` has ended since.
    """
    encoded = make_password(password)  # slow on purpose, so not inside the transaction

    def work(tx: Transaction) -> None:
        now = tx.read_clock()
        user = User.objects.select_for_update().get(id=by.id)
        _require_unchanged(user, seen=by, session_id=keep_session, at=now)
        User.objects.filter(id=user.id).update(password=encoded, version=user.version + 1)
        caller = Caller(user_id=user.id, party_id=user.own_party_id)
        others = LoginSession.objects.filter(user=user).exclude(id=keep_session)
        sessions.end_live(others, reason=SessionEnd.PASSWORD_CHANGED, by=caller, at=now)
        recording.event(
            stream=identifiers.show("usr", user.id),
            version=user.version + 1,
            type_="person.password_changed",
            actor=caller.actor,
            party=caller.party,
            at=now,
        )

    transactions.run(work)
    by.password = encoded


def _require_unchanged(user: User, *, seen: User, session_id: UUID | None, at: datetime) -> None:
    """Ask once more, under the lock, what was true when the request began."""
    if not user.is_active:
        raise PersonDisabled
    if user.password != seen.password:
        raise PasswordChangedMeanwhile
    if personal.email_of(user) != personal.email_of(seen):
        raise AddressChangedMeanwhile
    if session_id is None:
        return
    session = LoginSession.objects.select_for_update().filter(id=session_id, user=user).first()
    if session is None or not timeouts.is_live(session, at):
        raise SessionEnded
