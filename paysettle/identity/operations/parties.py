"""Disabling parties and letting them take part again."""

from uuid import UUID

from paysettle.identity import standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import AdminVerb, Party, PartyState, User
from paysettle.identity.operations import recording
from paysettle.identity.operations.people import CannotDisableYourself
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import NotFound
from paysettle.kernel.transactions import Transaction


def disable(*, by: Caller, party_id: UUID, reason: str) -> None:
    """Keep a party from paying and being paid, from the next call on; its people may still sign in.

    Disabling twice changes nothing. Raises StaffOnly, ReasonMissing, CannotDisableYourself (for one's own party),
    NotFound, PartyClosed.
    """
    _set_state(by=by, party_id=party_id, state=PartyState.DISABLED, reason=reason)


def enable(*, by: Caller, party_id: UUID, reason: str) -> None:
    """Let a party take part again. Raises StaffOnly, ReasonMissing, NotFound, PartyClosed."""
    _set_state(by=by, party_id=party_id, state=PartyState.ACTIVE, reason=reason)


def _set_state(*, by: Caller, party_id: UUID, state: PartyState, reason: str) -> None:
    verb = AdminVerb.DISABLED if state == PartyState.DISABLED else AdminVerb.ENABLED

    def work(tx: Transaction) -> None:
        stored_reason = recording.check_staff(by, reason=reason)
        party = Party.objects.select_for_update().filter(id=party_id).first()
        if party is None:
            raise NotFound
        if state == PartyState.DISABLED and User.objects.filter(id=by.user_id, own_party=party).exists():
            raise CannotDisableYourself
        if party.state == PartyState.CLOSED:
            raise standing.PartyClosed
        if party.state == state:
            return
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
