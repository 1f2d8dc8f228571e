"""A new person: the user, the party that the person is, and the membership between them, made together."""

from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError

from paysettle.identity.caller import Caller
from paysettle.identity.models import Membership, Party, PartyKind, User
from paysettle.identity.operations import handles, recording
from paysettle.identity.operations.addresses import attach
from paysettle.identity.roles import Role, StaffRole
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.transactions import Transaction


def register(
    *, handle: str, email: str, password: str, verified: bool = False, staff_role: StaffRole | None = None
) -> User:
    """Register a person and return the user.

    With `verified` the address counts as verified at once. Raises HandleInvalid, HandleTaken, HandleLookalike, and with
    `verified` AddressTaken. A member of staff is a person like any other and gets a party too: whoever acts in this
    system acts for a party, and every token and every event names it. The password is taken as it is: its rules are
    those of the door.
    """
    handles.check_form(handle)
    address = email.strip().lower()
    encoded = make_password(password)  # slow on purpose, so not inside the transaction

    def work(tx: Transaction) -> User:
        now = tx.read_clock()
        party = handles.open_party(kind=PartyKind.PERSON, handle=handle, version=1, at=now)
        user = User(
            username=handle,
            email=address,
            password=encoded,
            own_party=party,
            staff_role=staff_role or "",
            date_joined=now,
        )
        user.save(force_insert=True)
        Membership.objects.create(user=user, party=party, role=Role.OWNER, created_at=now)
        if verified:
            attach(user, address, at=now)
        _record(user, party, at=now)
        return user

    try:
        return transactions.run(work)
    except IntegrityError:
        handles.check_free(handle)  # somebody else took it between our look and our write
        raise


def _record(user: User, party: Party, *, at: datetime) -> None:
    caller = Caller(user_id=user.id, party_id=party.id)
    for stream, type_, data in (
        (identifiers.show("par", party.id), "party.opened", {"kind": party.kind}),
        (identifiers.show("usr", user.id), "person.registered", {"party": caller.party}),
    ):
        recording.event(stream=stream, version=1, type_=type_, actor=caller.actor, party=caller.party, at=at, data=data)
