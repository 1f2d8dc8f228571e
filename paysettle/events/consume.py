"""Applying events: many in one transaction, each once in effect, in the order of their stream.

The dedupe rows commit with the effects, so a delivery that is repeated (a relay or a consumer died before it could say
that it was done) changes nothing. What a stream needs before an event is read from the log, so an event that the bus
lost or overtook changes nothing either. Old dedupe rows are forgotten (`events/retention.py`); what took their place
is a position, so that a delivery which is repeated years later changes nothing too.

An event that cannot be applied **parks its stream** for this consumer: the event and those of the stream after it
wait, in order, for `redrive`; all other streams flow on. A database that is away or busy parks nothing.
"""

from collections.abc import Callable, Sequence
from functools import partial

import structlog
from django.db import Error

from paysettle.events import queries
from paysettle.events.consumers import Consumer
from paysettle.events.cursors import LeaseLost
from paysettle.events.envelope import RecordedEvent
from paysettle.kernel import transactions
from paysettle.kernel.errors import OutcomeUnknown, Unavailable
from paysettle.kernel.faults import Fault, classify
from paysettle.kernel.transactions import Transaction

BATCH_MAX = 500

Then = Callable[[Transaction, RecordedEvent], None]

_log = structlog.get_logger(__name__)


class UnknownVersion(Exception):
    """The event is of a version that this release does not know."""


class StreamParked(Exception):
    """An earlier event of the same stream is parked."""


def nothing_more(_tx: Transaction, _last: RecordedEvent) -> None:
    """Do nothing with the cursor: the bus keeps its own."""


def consume(consumer: Consumer, events: Sequence[RecordedEvent], *, then: Then = nothing_more) -> None:
    """Apply events of the log to a consumer; those it has applied already, or that are not for it, change nothing.

    `then` runs last in each transaction with the last event that it covers; the in-process bus advances its cursor
    there. Raises LeaseLost, Unavailable or OutcomeUnknown with nothing applied since the last commit; every other
    fault ends with an event parked.
    """
    for start in range(0, len(events), BATCH_MAX):
        _apply(consumer, events[start : start + BATCH_MAX], then)


def _apply(consumer: Consumer, events: Sequence[RecordedEvent], then: Then) -> None:
    work = partial(_work, consumer, events, then)
    try:
        _run(work)
    except (LeaseLost, Unavailable, OutcomeUnknown):
        raise
    except Exception as error:
        if len(events) == 1:
            park_alone(consumer, events[0], error, then)
            return
        _log.info("consume_in_halves", consumer=consumer.name, events=len(events), error=type(error).__name__)
    else:
        return
    middle = len(events) // 2
    _apply(consumer, events[:middle], then)
    _apply(consumer, events[middle:], then)


def _run(work: Callable[[Transaction], None]) -> None:
    try:
        transactions.run(work, repeatable=True)
    except Error as error:
        if classify(error) is not Fault.DUPLICATE:
            raise
        # Another worker has just applied some of them; the second run sees its dedupe rows.
        transactions.run(work, repeatable=True)


def _work(consumer: Consumer, events: Sequence[RecordedEvent], then: Then, tx: Transaction) -> None:
    fresh = select_fresh(tx, consumer, events)
    parked = _parked_streams(tx, consumer, fresh)
    park(tx, consumer, [event for event in fresh if event.stream in parked], StreamParked)
    ready = [event for event in fresh if event.stream not in parked]
    if ready:
        effect(tx, consumer, ready)
        remember(tx, consumer, ready)
    then(tx, events[-1])


def select_fresh(tx: Transaction, consumer: Consumer, events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """Return what a consumer has to apply now, in order: its events among these, and earlier ones of their streams."""
    newest = {event.stream: 0 for event in events if consumer.concerns(event.type)}
    for event in events:
        if event.stream in newest:
            newest[event.stream] = max(newest[event.stream], event.position)
    open_ = queries.unconsumed(tx, consumer.name, newest)
    due = [event for event in open_ if event.position <= newest[event.stream] and consumer.concerns(event.type)]
    return sorted(due, key=lambda event: event.position)


def effect(tx: Transaction, consumer: Consumer, events: Sequence[RecordedEvent]) -> None:
    """Let the consumer do what the events ask of it; raise UnknownVersion for one it does not know."""
    for event in events:
        if event.type not in consumer.types:
            raise UnknownVersion(event.type)
    consumer.handle(tx, events)


def remember(tx: Transaction, consumer: Consumer, events: Sequence[RecordedEvent]) -> None:
    """Write the dedupe rows."""
    rows = [(consumer.name, event.event_id.bytes) for event in events]
    tx.insert("event_consumed", ("consumer", "event_id"), rows)


def park(tx: Transaction, consumer: Consumer, events: Sequence[RecordedEvent], reason: type[Exception]) -> None:
    """Write parked rows for those events that have none."""
    present = {
        bytes(row[0])
        for row in tx.fetch_in(
            "SELECT event_id FROM event_parked WHERE consumer = %s AND event_id IN ({values})",
            [event.event_id.bytes for event in events],
            [consumer.name],
        )
    }
    now = tx.time(tx.read_clock())
    tx.insert(
        "event_parked",
        ("consumer", "event_id", "stream", "position", "reason", "parked_at"),
        [
            (consumer.name, event.event_id.bytes, event.stream, event.position, reason.__name__, now)
            for event in events
            if event.event_id.bytes not in present
        ],
    )


def park_alone(consumer: Consumer, event: RecordedEvent, error: Exception, then: Then) -> None:
    """Park an event that fails alone. Those of its stream that the log holds before it go first, and may be parked."""
    _log.error(
        "event_parked",
        consumer=consumer.name,
        stream=event.stream,
        position=event.position,
        type=event.type,
        error=type(error).__name__,
        exc_info=error,
    )

    def work(tx: Transaction) -> None:
        fresh = select_fresh(tx, consumer, [event])
        if _parked_streams(tx, consumer, fresh):
            park(tx, consumer, fresh, StreamParked)
        else:
            park(tx, consumer, fresh[:1], type(error))
            park(tx, consumer, fresh[1:], StreamParked)
        then(tx, event)

    _run(work)


def _parked_streams(tx: Transaction, consumer: Consumer, events: Sequence[RecordedEvent]) -> set[str]:
    rows = tx.fetch_in(
        "SELECT DISTINCT stream FROM event_parked WHERE consumer = %s AND stream IN ({values})",
        [event.stream for event in events],
        [consumer.name],
    )
    return {row[0] for row in rows}
