"""The bus in this process: hands the log to each consumer by position, the cursor moving with the effects.

It reads positions and nothing else. Ids and times are given out before COMMIT: a cursor over them passes an event by
that commits late.
"""

from paysettle.events import cursors, queries
from paysettle.events.consume import BATCH_MAX
from paysettle.events.consumers import Consumer
from paysettle.events.cursors import Lease, LeaseLost
from paysettle.events.deaths import Watch


class Dispatcher:
    """Brings one consumer to the end of the log; a part of the worker."""

    def __init__(self, consumer: Consumer) -> None:
        self.name = f"dispatch:{consumer.name}"
        self._consumer = consumer
        self._lease: Lease | None = None
        self._watch = Watch(consumer)

    def step(self) -> bool:
        """Apply the next events; False when the end is reached or another worker is at it."""
        name = self._consumer.name
        if queries.cursor_position(name) >= queries.head():
            return False
        lease = self._lease = self._hold()
        if lease is None:
            return False
        # Asked again under the lease: the worker that held it before may have come further.
        events = queries.after(queries.cursor_position(name), limit=BATCH_MAX)
        if not events:
            return False
        try:
            self._watch.apply(events, then=lambda tx, last: cursors.advance(tx, lease, last.position))
        except LeaseLost:
            self._lease = None
            return True
        return len(events) == BATCH_MAX

    def close(self) -> None:
        """Release the lease."""
        lease, self._lease = self._lease, None
        self._watch.end()
        if lease is not None:
            cursors.release(lease)

    def _hold(self) -> Lease | None:
        if self._lease is not None and self._lease.fresh:
            return self._lease
        taken = cursors.take(self._consumer.name, held=self._lease)
        if taken is not None and self._lease is None:
            self._watch.begin()
        return taken
