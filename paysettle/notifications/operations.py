"""Reading one's inbox. Marking what is marked already changes nothing, so these need no key."""

from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from paysettle.identity.caller import Caller
from paysettle.kernel import transactions
from paysettle.kernel.errors import NotFound
from paysettle.kernel.transactions import Transaction
from paysettle.notifications import queries
from paysettle.notifications.models import InboxEntry


def mark_read(*, by: Caller, entry_id: UUID) -> InboxEntry:
    """Mark one entry of the acting party as read and return it; the first time stays. Raises NotFound."""

    def work(tx: Transaction) -> InboxEntry:
        rows = queries.inbox_of(by.party_id).filter(id=entry_id)
        rows.update(read_at=Coalesce(F("read_at"), tx.read_clock()))
        found = rows.first()
        if found is None:
            raise NotFound
        return found

    return transactions.run(work, repeatable=True)


def mark_read_up_to(*, by: Caller, entry_id: UUID) -> int:
    """Mark an entry of the acting party and all older ones as read; return how many stay unread. Raises NotFound."""

    def work(tx: Transaction) -> int:
        last = queries.inbox_of(by.party_id).filter(id=entry_id).first()
        if last is None:
            raise NotFound
        older = Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lte=last.id)
        queries.unread_of(by.party_id).filter(older).update(read_at=tx.read_clock())
        return queries.unread_of(by.party_id).count()

    return transactions.run(work, repeatable=True)
