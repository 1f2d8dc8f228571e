"""Parked streams: putting events aside by hand, and applying them again once the cause is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from paysettle.events import consume, queries
from paysettle.events.consumers import Consumer
from paysettle.events.envelope import RecordedEvent
from paysettle.events.models import MalformedMessage, ParkedEvent
from paysettle.kernel import transactions
from paysettle.kernel.errors import OutcomeUnknown, Unavailable
from paysettle.kernel.transactions import Transaction

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Redriven:
    """How many parked events were applied, and which streams stay parked."""

    applied: int
    still_parked: list[str]


def redrive(consumer: Consumer, streams: Sequence[str] = ()) -> Redriven:
    """Apply what a consumer has parked, each stream in order until one fails again; by default all streams."""
    rows = ParkedEvent.objects.filter(consumer=consumer.name)
    if streams:
        rows = rows.filter(stream__in=streams)
    result = Redriven(0, [])
    for stream in sorted(set(rows.values_list("stream", flat=True))):
        _redrive_stream(consumer, stream, result)
    return result


def redrive_malformed(consumer: Consumer) -> int:
    """Apply from the log what unreadable messages stood for, judged by their key; return how many were explained.

    A message whose key names no stream of the log stays, for somebody to look at and discard.
    """
    explained = 0
    for row in queries.malformed(consumer.name):
        events = queries.of_stream(bytes(row.message_key).decode(errors="replace"))
        if events:
            consume.consume(consumer, events)
            explained += discard(str(row.id))
    return explained


def discard(message_id: str) -> int:
    """Remove an unreadable message; return how many there were with this id."""
    return transactions.run(lambda _tx: MalformedMessage.objects.filter(id=message_id).delete()[0])


def park_unpublished(consumer: Consumer, event: RecordedEvent, reason: type[Exception]) -> None:
    """Park an event that the bus cannot carry."""
    transactions.run(lambda tx: consume.park(tx, consumer, [event], reason))


def _redrive_stream(consumer: Consumer, stream: str, result: Redriven) -> None:
    while True:
        first = ParkedEvent.objects.filter(consumer=consumer.name, stream=stream).order_by("position").first()
        if first is None:
            return
        event = queries.by_ids([first.event_id])[first.event_id]
        try:
            result.applied += transactions.run(partial(_apply_parked, consumer, event), repeatable=True)
        except (Unavailable, OutcomeUnknown):
            raise
        except Exception as error:
            _log.exception("redrive_failed", consumer=consumer.name, stream=stream, position=event.position)
            transactions.run(partial(_note_reason, consumer, event, type(error).__name__))
            result.still_parked.append(stream)
            return


def _apply_parked(consumer: Consumer, event: RecordedEvent, tx: Transaction) -> int:
    """Apply one parked event and take its row away, in one transaction; 0 if another hand was faster."""
    sql = "DELETE FROM event_parked WHERE consumer = %s AND event_id = %s"
    if not tx.execute(sql, [consumer.name, event.event_id.bytes]):
        return 0
    fresh = consume.select_fresh(tx, consumer, [event])
    if fresh:
        consume.effect(tx, consumer, fresh)
        consume.remember(tx, consumer, fresh)
    return 1


def _note_reason(consumer: Consumer, event: RecordedEvent, reason: str, tx: Transaction) -> None:
    sql = "UPDATE event_parked SET reason = %s WHERE consumer = %s AND event_id = %s"
    tx.execute(sql, [reason, consumer.name, event.event_id.bytes])
