"""Sign-ups whose address is never confirmed lapse after a day, and their handle is free again.

Until the address is confirmed nobody can sign in by it, and nobody finds, pays or asks the party. So nothing refers to
it, and whoever mistyped their address, or meant to take a name away from others, does not keep it for ever.
"""

from datetime import datetime, timedelta
from uuid import UUID

from paysettle.identity.models import Membership, Party, PartyState, User
from paysettle.identity.operations import recording
from paysettle.kernel import identifiers
from paysettle.kernel.jobs import Fence, Job
from paysettle.kernel.transactions import Transaction

LIFE = timedelta(days=1)
LAPSED_MAX = 100


def lapse(fence: Fence) -> bool:
    """Remove some of the people whose address was not confirmed in time; return whether there may be more."""

    def work(tx: Transaction) -> int:
        now = tx.read_clock()
        late = Party.objects.filter(state=PartyState.PENDING, created_at__lt=now - LIFE, person__staff_role="")
        ids = list(late.order_by("created_at").values_list("person__id", flat=True)[:LAPSED_MAX])
        for user_id in ids:
            _remove(user_id, at=now)
        return len(ids)

    return fence.run(work) == LAPSED_MAX


def _remove(user_id: UUID, *, at: datetime) -> None:
    """Remove a person and the party they would have been, unless they confirm at this moment."""
    user = User.objects.select_for_update().get(id=user_id)
    party = Party.objects.select_for_update().get(id=user.own_party_id)
    if party.state != PartyState.PENDING:
        return
    name = identifiers.show("usr", user.id)
    recording.event(
        stream=name,
        version=user.version + 1,
        type_="person.lapsed",
        actor="system",
        party=identifiers.show("par", party.id),
        at=at,
    )
    Membership.objects.filter(user=user).delete()
    user.delete()  # what allauth keeps of them goes along
    party.delete()


LAPSE = Job("identity.lapse_sign_ups", "19 * * * *", lapse)
