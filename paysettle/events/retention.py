"""How long dedupe rows are kept: 90 days. What a consumer has applied before stays applied.

A row cannot just go: Kafka may deliver an event again years later (offsets that expired, a log that was replayed), and
a new event of an old stream brings the whole stream up again (`consume.select_fresh`). So a consumer's cursor says up
to which position everything is **forgotten**: handled, and without rows. It moves behind the cursor, in the
transaction that deletes the rows, and never past an event that is parked, which is still to be applied.
"""

from datetime import timedelta

from paysettle.events.consumers import registered
from paysettle.kernel.jobs import Fence, Job
from paysettle.kernel.transactions import Transaction

KEPT_FOR = timedelta(days=90)
BATCH_MAX = 500


def forget_consumed(fence: Fence) -> bool:
    """Forget a batch of old dedupe rows, consumer by consumer; return whether there may be more."""
    return any(forget_consumed_by(fence, consumer.name) for consumer in registered())


def forget_consumed_by(fence: Fence, consumer: str) -> bool:
    """Forget a batch of old dedupe rows of one consumer; return whether there may be more."""

    def work(tx: Transaction) -> bool:
        cursor = tx.fetch("SELECT position, forgotten FROM event_cursor WHERE name = %s", [consumer])
        if not cursor:
            return False
        position, forgotten = cursor[0]
        last = min(position, forgotten + BATCH_MAX)
        # After the cursor: what is parked meanwhile lies behind what the cursor said.
        parked = tx.fetch("SELECT MIN(position) FROM event_parked WHERE consumer = %s", [consumer])
        since = tx.time(tx.read_clock() - KEPT_FOR)
        young = tx.fetch(
            "SELECT MIN(position) FROM event WHERE position > %s AND position <= %s AND recorded_at >= %s",
            [forgotten, last, since],
        )
        last = min([last, *(row[0] - 1 for row in (parked[0], young[0]) if row[0] is not None)])
        if last <= forgotten:
            return False
        _forget(tx, consumer, forgotten, last)
        return True

    return fence.run(work)


def _forget(tx: Transaction, consumer: str, after: int, last: int) -> None:
    ids = [
        row[0] for row in tx.fetch("SELECT event_id FROM event WHERE position > %s AND position <= %s", [after, last])
    ]
    marks = ",".join(["%s"] * len(ids))
    tx.execute(f"DELETE FROM event_consumed WHERE consumer = %s AND event_id IN ({marks})", [consumer, *ids])  # noqa: S608
    tx.execute("UPDATE event_cursor SET forgotten = %s WHERE name = %s", [last, consumer])


FORGET_CONSUMED = Job("events.forget_consumed", "29 3 * * *", forget_consumed)
