"""A new organisation: the party, what a register says of it, and its first owner, made together."""

from datetime import datetime

from django.db import IntegrityError

from paysettle.identity import personal, queries
from paysettle.identity.caller import Caller
from paysettle.identity.models import Membership, Party, PartyKind
from paysettle.identity.operations import handles, members, recording
from paysettle.identity.personal import Registration
from paysettle.identity.roles import Permission, Role
from paysettle.kernel import transactions
from paysettle.kernel.transactions import Transaction


def create(*, by: Caller, handle: str, registration: Registration) -> Membership:
    """Make an organisation whose owner is the person who calls; return the owner's membership.

    Organisations and people share their handles. Raises HandleInvalid, HandleReserved, HandleTaken,
    HandleLookalike, SessionEnded, PartyDisabled (the person's own).
    """
    handles.check_form(handle)
    handles.check_not_reserved(handle)

    def work(tx: Transaction) -> Membership:
        members.enter_as_oneself(by)
        now = tx.read_clock()
        party = handles.open_party(kind=PartyKind.ORGANISATION, handle=handle, version=2, at=now)
        personal.keep(party.id, registration)
        _record(party, by=by.acting_for(party.id), at=now)
        return members.add(party=party, user_id=by.person_id, role=Role.OWNER, by=by.acting_for(party.id), at=now)

    try:
        return transactions.run(work)
    except IntegrityError:
        handles.check_free(handle)  # somebody else took it between our look and our write
        raise


def change_registration(*, by: Caller, registration: Registration) -> Membership:
    """Change what the register says of the acting organisation; return the caller's membership.

    Owners alone do. Nothing changes and nothing is told if it is said already. Raises NotFound, NotPermitted.
    """

    def work(tx: Transaction) -> Membership:
        party = members.enter(by, Permission.OWNERS_MANAGE)
        if personal.registrations([party.id])[party.id] != registration:
            personal.replace(party.id, registration)
            Party.objects.filter(id=party.id).update(version=party.version + 1)
            recording.event(
                stream=by.party,
                version=party.version + 1,
                type_="organisation.registration_changed",
                actor=by.actor,
                party=by.party,
                at=tx.read_clock(),
            )
        return queries.organisation(by)

    return transactions.run(work)


def _record(party: Party, *, by: Caller, at: datetime) -> None:
    recording.opened(party, actor=by.actor, at=at)
    recording.event(
        stream=by.party,
        version=2,
        type_="organisation.created",
        actor=by.actor,
        party=by.party,
        at=at,
        data={"owner": by.actor},
    )
