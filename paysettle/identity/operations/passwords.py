"""Changing a password.

A change or a reset ends every session of the person but the one in which it happens, if there is one: that person has
just shown the old password or the code. Its Django session key is renewed by the door; whoever stole another session
is out at once.
"""

from uuid import UUID

from paysettle.identity.caller import Caller
from paysettle.identity.models import LoginSession, SessionEnd, User
from paysettle.identity.operations import recording, sessions
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.transactions import Transaction


def change(*, by: User, password: str, keep_session: UUID | None) -> None:
    """Give a person a new password and end their other sessions. `by` carries the new hash afterwards."""
    by.set_password(password)  # slow on purpose, so not inside the transaction
    encoded = by.password

    def work(tx: Transaction) -> None:
        now = tx.read_clock()
        user = User.objects.select_for_update().get(id=by.id)
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
