"""Sign-ups whose address is never confirmed lapse after a day, and their handle is free again.

Until the address is confirmed nobody can sign in by it, and nobody finds, pays or asks the party. So nothing refers to
it, and whoever mistyped their address, or meant to take a name away from others, does not keep it for ever.
"""

from datetime import datetime, timedelta
from uuid import UUID

from allauth.account.models import EmailAddress

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
            _remove(tx, user_id, at=now)
        return len(ids)

    return fence.run(work) == LAPSED_MAX


def _remove(tx: Transaction, user_id: UUID, *, at: datetime) -> None:
    """Remove a person and the party they would have been, unless they confirm or become staff at this moment."""
    user = User.objects.select_for_update().get(id=user_id)
    party = Party.objects.select_for_update().get(id=user.own_party_id)
    if party.state != PartyState.PENDING or user.staff_role:
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
    EmailAddress.objects.filter(user=user).delete()
    # Not by the models: they would look for references in tables without an index for that. The constraints of the
    # database hold on to whatever must not go.
    tx.execute("DELETE FROM identity_user WHERE id = %s", [user.id.bytes])
    tx.execute("DELETE FROM identity_party WHERE id = %s", [party.id.bytes])


LAPSE = Job("identity.lapse_sign_ups", "19 * * * *", lapse)
