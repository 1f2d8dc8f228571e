"""A new person: the user, the party that the person is, and the membership between them, made together."""

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError

from paysettle.identity.models import Membership, PartyKind, PartyState, User
from paysettle.identity.operations import handles, recording
from paysettle.identity.operations.addresses import attach
from paysettle.identity.roles import Role, StaffRole
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.transactions import Transaction


def register(
    *, handle: str, email: str, password: str, verified: bool = False, staff_role: StaffRole | None = None
) -> User:
    """Register a person and return the user.

    With `verified` the address counts as verified at once; without it the party is pending until it is
    (`addresses.verify`), and lapses with the person if it never is (`lapsing.py`). Raises HandleInvalid, HandleTaken,
    HandleLookalike, and with `verified` AddressTaken. The password is taken as it is: its rules are those of the door.

    A member of staff is a person like any other and gets a party too: whoever acts in this system acts for a party, and
    every token and every event names it.
    """
    handles.check_form(handle)
    address = email.strip().lower()
    encoded = make_password(password)  # slow on purpose, so not inside the transaction

    def work(tx: Transaction) -> User:
        now = tx.read_clock()
        state = PartyState.ACTIVE if verified else PartyState.PENDING
        party = handles.open_party(kind=PartyKind.PERSON, handle=handle, state=state, version=1, at=now)
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
        party_name, user_name = identifiers.show("par", party.id), identifiers.show("usr", user.id)
        recording.event(
            stream=user_name,
            version=1,
            type_="person.registered",
            actor=user_name,
            party=party_name,
            at=now,
            data={"party": party_name},
        )
        if verified:
            recording.opened(party, actor=user_name, at=now)
        return user

    try:
        return transactions.run(work)
    except IntegrityError:
        handles.check_free(handle)  # somebody else took it between our look and our write
        raise
