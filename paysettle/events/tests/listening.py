"""A consumer for tests, whose effect is rows of a table of its own, and events for it to hear."""

import secrets
from collections.abc import Callable, Sequence

from django.db import connection

from paysettle.events import log, queries
from paysettle.events.consumers import Consumer
from paysettle.events.envelope import RecordedEvent
from paysettle.events.models import EventCursor
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.transactions import Transaction
from tests.events import new_event

HAPPENED = "paysettle.test.happened.v1"


class Refused(Exception):
    """The test consumer cannot apply an event."""


class Listener:
    """Writes down which events it heard, in order; refuses those whose stream is in `refuses`."""

    def __init__(self) -> None:
        self.refuses: set[str] = set()
        self.before: Callable[[Sequence[RecordedEvent]], None] = lambda _events: None
        self.consumer = Consumer(name=f"test-{secrets.token_hex(6)}", types=frozenset({HAPPENED}), handle=self._handle)
        _make_table()
        # It begins at the end of the log, so that what other tests wrote is none of its business.
        EventCursor.objects.create(name=self.consumer.name, position=queries.head())

    def heard(self) -> list[tuple[str, int]]:
        """Return the stream and version of each event that took effect, in order, repeats included."""
        with connection.cursor() as cursor:
            sql = "SELECT stream, version FROM test_heard WHERE listener = %s ORDER BY id"
            cursor.execute(sql, [self.consumer.name])
            return [(stream, version) for stream, version in cursor.fetchall()]

    def events(self) -> list[RecordedEvent]:
        """Return the events of the log after the listener's cursor."""
        return queries.after(queries.cursor_position(self.consumer.name), limit=10_000)

    def _handle(self, tx: Transaction, events: Sequence[RecordedEvent]) -> None:
        self.before(events)
        tx.insert(
            "test_heard",
            ("listener", "stream", "version"),
            [(self.consumer.name, event.stream, event.stream_version) for event in events],
        )
        for event in events:
            if event.stream in self.refuses:
                raise Refused(event.stream)


def stream() -> str:
    """Return the name of a new stream."""
    return identifiers.show("tst", identifiers.new())


def happen(*places: tuple[str, int], type_: str = HAPPENED) -> None:
    """Write events into the log, one for each stream and version, in one transaction."""

    def work(tx: Transaction) -> None:
        now = tx.read_clock()
        for name, version in places:
            log.record(new_event(type_, name, version, now))

    transactions.run(work)


def _make_table() -> None:
    number = "BIGINT AUTO_INCREMENT" if connection.vendor == "mysql" else "INTEGER"
    with connection.cursor() as cursor:
        if "test_heard" not in connection.introspection.table_names(cursor):
            cursor.execute(
                f"CREATE TABLE test_heard (id {number} PRIMARY KEY,"
                " listener VARCHAR(40), stream VARCHAR(40), version INTEGER)"
            )
