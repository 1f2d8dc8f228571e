"""Disabling parties and letting them take part again."""

from uuid import UUID

from paysettle.identity import standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import AdminVerb, Party, PartyState, User
from paysettle.identity.operations import recording, staff
from paysettle.identity.roles import StaffPermission
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import NotFound
from paysettle.kernel.transactions import Transaction


def disable(*, by: Caller, party_id: UUID, reason: str) -> None:
    """Keep a party from paying and being paid, from the next call on; its people may still sign in.

    The parties that members of staff are, are disabled by those who manage staff. Disabling twice changes nothing.
    Raises StaffOnly, StaffNotPermitted, ReasonMissing, OwnAffair, NotFound, PartyClosed, PartyPending,
    LastAdministrator.
    """
    _set_state(by=by, party_id=party_id, state=PartyState.DISABLED, reason=reason)


def enable(*, by: Caller, party_id: UUID, reason: str) -> None:
    """Let a party take part again. Raises what `disable` does, but for LastAdministrator."""
    _set_state(by=by, party_id=party_id, state=PartyState.ACTIVE, reason=reason)


def _set_state(*, by: Caller, party_id: UUID, state: PartyState, reason: str) -> None:
    verb = AdminVerb.DISABLED if state == PartyState.DISABLED else AdminVerb.ENABLED

    def work(tx: Transaction) -> None:
        person_id = User.objects.filter(own_party_id=party_id).values_list("id", flat=True).first()
        person = None if person_id is None else staff.lock(person_id)
        stored_reason = staff.check_about(party_id, by=by, needed=StaffPermission.PARTY_DISABLE, reason=reason)
        party = Party.objects.select_for_update().filter(id=party_id).first()
        if party is None:
            raise NotFound
        if party.state == PartyState.CLOSED:
            raise standing.PartyClosed
        if party.state == PartyState.PENDING:
            raise standing.PartyPending
        if party.state == state:
            return
        if person is not None and state == PartyState.DISABLED:
            staff.keep_an_administrator(person)
        now = tx.read_clock()
        Party.objects.filter(id=party.id).update(state=state, version=party.version + 1)
        recording.admin_action(
            by=by, subject_kind="party", subject_id=party.id, verb=verb, reason=stored_reason, at=now
        )
        recording.event(
            stream=identifiers.show("par", party.id),
            version=party.version + 1,
            type_=f"party.{verb.value}",
            actor=by.actor,
            party=by.party,
            at=now,
        )

    transactions.run(work)
