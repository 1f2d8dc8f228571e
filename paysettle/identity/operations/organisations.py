"""A new organisation: the party, what a register says of it, and its first owner, made together."""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError

from paysettle.identity import personal, queries
from paysettle.identity.caller import Caller
from paysettle.identity.models import Membership, Party, PartyKind
from paysettle.identity.operations import members, recording
from paysettle.identity.operations.registration import HandleInvalid, HandleTaken
from paysettle.identity.personal import Registration
from paysettle.identity.roles import Role
from paysettle.kernel import transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction


class HandleReserved(DomainError):
    """The handle would be taken for the operator of this installation."""

    code = "handle_reserved"
    status = 422
    title = "This handle is reserved."


def create(*, by: Caller, handle: str, registration: Registration) -> Membership:
    """Make an organisation whose owner is the person who calls; return the owner's membership.

    Organisations and people share their handles. Raises HandleInvalid, HandleReserved, HandleTaken.
    """
    if not queries.is_handle(handle):
        raise HandleInvalid
    if handle in settings.ACCOUNT_USERNAME_BLACKLIST:
        raise HandleReserved

    def work(tx: Transaction) -> Membership:
        if Party.objects.filter(handle=handle).exists():
            raise HandleTaken
        now = tx.read_clock()
        party = Party.objects.create(kind=PartyKind.ORGANISATION, handle=handle, version=2, created_at=now)
        personal.keep(party.id, registration)
        _record(party, by=by.acting_for(party.id), at=now)
        return members.add(party=party, user_id=by.person_id, role=Role.OWNER, by=by.acting_for(party.id), at=now)

    try:
        return transactions.run(work)
    except IntegrityError:
        # Somebody else took the handle between our look and our write.
        if Party.objects.filter(handle=handle).exists():
            raise HandleTaken from None
        raise


def _record(party: Party, *, by: Caller, at: datetime) -> None:
    for version, type_, data in (
        (1, "party.opened", {"kind": party.kind}),
        (2, "organisation.created", {"owner": by.actor}),
    ):
        recording.event(stream=by.party, version=version, type_=type_, actor=by.actor, party=by.party, at=at, data=data)
