"""The consumer of the log: writes each party's inbox entries and queues their mail, in one transaction."""

from collections.abc import Sequence

from paysettle.events.consumers import Consumer
from paysettle.events.envelope import RecordedEvent
from paysettle.kernel import compact_json, identifiers
from paysettle.kernel.transactions import Transaction
from paysettle.notifications import queries
from paysettle.notifications.models import MailState
from paysettle.notifications.notices import HANDLERS


def deliver(tx: Transaction, events: Sequence[RecordedEvent]) -> None:
    """Write what these events tell to whom."""
    told = [(event, notice) for event in events for notice in HANDLERS[event.type](event)]
    members = queries.members_of({notice.recipient_id for _, notice in told})
    now = tx.time(tx.read_clock())
    entries, mails = [], []
    for event, notice in told:
        entry_id = identifiers.new().bytes
        data = compact_json.dumps(notice.data())
        entries.append((entry_id, notice.recipient_id.bytes, notice.kind.value, data, event.event_id.bytes, now))
        mails += [
            (identifiers.new().bytes, entry_id, user.bytes, MailState.WAITING.value, 0, now, "")
            for user, role in members.get(notice.recipient_id, [])
            if notice.is_mailed_to(user, role)
        ]
    tx.insert("notifications_inbox_entry", ("id", "recipient_id", "kind", "data", "event_id", "created_at"), entries)
    tx.insert(
        "notifications_outgoing_mail",
        ("id", "entry_id", "user_id", "state", "attempts", "next_attempt_at", "last_error"),
        mails,
    )


INBOX = Consumer(name="inbox", types=frozenset(HANDLERS), handle=deliver)
