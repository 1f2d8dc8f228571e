"""Processes that die of an event: noticed, found, parked. Without this a worker would be restarted for ever.

An exception parks its event; a crash of the whole process (memory, a fault in a C library) raises none. So a reader
counts its starts until a batch succeeds. After STARTS_MAX of them it goes event by event and writes down which one it
tries; the next start finds that name and parks the event.
"""

from collections.abc import Sequence

from paysettle.events import consume
from paysettle.events.consume import Then
from paysettle.events.consumers import Consumer
from paysettle.events.envelope import RecordedEvent
from paysettle.kernel import transactions
from paysettle.kernel.transactions import Transaction

STARTS_MAX = 3
"""How many starts in a row may end without one batch applied before a reader becomes careful."""


class ProcessDied(Exception):
    """The process ended while it applied this event."""


class Watch:
    """One reader's memory of how it started; used between taking up work and giving it back."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._begun = False
        self._careful = False
        self._suspect = 0

    def begin(self) -> None:
        """Count a start, and learn how the ones before ended."""

        def work(tx: Transaction) -> tuple[int, int]:
            name = self._consumer.name
            if not tx.execute("UPDATE event_cursor SET starts = starts + 1 WHERE name = %s", [name]):
                columns = ("name", "position", "token", "starts", "suspect")
                tx.insert("event_cursor", columns, [(name, 0, 0, 1, 0)])
            starts, suspect = tx.fetch("SELECT starts, suspect FROM event_cursor WHERE name = %s", [name])[0]
            return starts, suspect

        starts, self._suspect = transactions.run(work)
        self._careful = starts > STARTS_MAX
        self._begun = True

    def apply(self, events: Sequence[RecordedEvent], *, then: Then = consume.nothing_more) -> None:
        """Apply events as `consume` does; carefully, one by one, if processes have died here."""
        if self._careful:
            for event in events:
                self._apply_one(event, then)
        else:
            consume.consume(self._consumer, events, then=then)
        if events:
            self.end()

    def end(self) -> None:
        """Note that this start ended well."""
        if self._begun:
            sql = "UPDATE event_cursor SET starts = 0, suspect = 0 WHERE name = %s"
            transactions.run(lambda tx: tx.execute(sql, [self._consumer.name]))
        self._begun = self._careful = False

    def _apply_one(self, event: RecordedEvent, then: Then) -> None:
        if event.position == self._suspect:
            consume.park_alone(self._consumer, event, ProcessDied(), then)
            return
        if self._consumer.concerns(event.type):
            sql = "UPDATE event_cursor SET suspect = %s WHERE name = %s"
            transactions.run(lambda tx: tx.execute(sql, [event.position, self._consumer.name]))
        consume.consume(self._consumer, [event], then=then)
