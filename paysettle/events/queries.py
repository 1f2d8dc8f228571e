"""Questions about the log and its readers. Nothing here locks or writes."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from paysettle.events.consumers import Consumer, registered
from paysettle.events.envelope import RecordedEvent
from paysettle.events.models import Event, EventCursor, EventHead, MalformedMessage, ParkedEvent
from paysettle.kernel import identifiers
from paysettle.kernel.transactions import Transaction, parse_time

_COLUMNS = (
    "e.position, e.event_id, e.stream, e.stream_version, e.type, e.actor, e.party, e.data, e.request_id, e.recorded_at"
)


@dataclass(frozen=True, slots=True)
class Unhandled:
    """The oldest event that a consumer has neither applied nor parked."""

    position: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """How a consumer stands: the age of its oldest unhandled event (0 if there is none) and what it has parked."""

    consumer: str
    oldest_age_s: float
    parked: int
    malformed: int


def after(position: int, *, limit: int) -> list[RecordedEvent]:
    """Return the events after a position, in order of position: commit order, without a gap."""
    rows = Event.objects.filter(position__gt=position).order_by("position")[:limit]
    return [_recorded(row) for row in rows]


def by_ids(event_ids: Iterable[UUID]) -> dict[UUID, RecordedEvent]:
    """Return the events of the log that have these ids."""
    return {row.event_id: _recorded(row) for row in Event.objects.filter(event_id__in=set(event_ids))}


def of_stream(stream: str) -> list[RecordedEvent]:
    """Return all events of a stream, in order."""
    return [_recorded(row) for row in Event.objects.filter(stream=stream).order_by("stream_version")]


def unconsumed(tx: Transaction, consumer: str, streams: Iterable[str]) -> list[RecordedEvent]:
    """Return all events of some streams that a consumer has not applied, parked ones and other types included.

    Dedupe rows and the position up to which they are forgotten are read in one statement: they move together.
    """
    rows = tx.fetch_in(
        f"SELECT {_COLUMNS} FROM event e LEFT JOIN event_consumed c ON c.consumer = %s AND c.event_id = e.event_id"  # noqa: S608
        " LEFT JOIN event_cursor k ON k.name = %s"
        " WHERE c.event_id IS NULL AND e.position > COALESCE(k.forgotten, 0) AND e.stream IN ({values})",
        streams,
        [consumer, consumer],
    )
    return [_of_row(row) for row in rows]


def head() -> int:
    """Return the last position that was given out."""
    return EventHead.objects.get(id=1).position


def cursor_position(name: str) -> int:
    """Return how far a reader of the log has come."""
    found = EventCursor.objects.filter(name=name).values_list("position", flat=True).first()
    return found or 0


def oldest_unhandled(consumer: Consumer) -> Unhandled | None:
    """Return the oldest event of the log that a consumer has neither applied nor parked, on either bus."""
    types = sorted(consumer.types)
    marks = ",".join(["%s"] * len(types))
    sql = (
        "SELECT e.position, e.recorded_at FROM event e"  # noqa: S608 - marks are placeholders
        " LEFT JOIN event_consumed c ON c.consumer = %s AND c.event_id = e.event_id"
        " LEFT JOIN event_parked p ON p.consumer = %s AND p.event_id = e.event_id"
        f" WHERE e.position > %s AND e.type IN ({marks}) AND c.event_id IS NULL AND p.event_id IS NULL"
        " ORDER BY e.position LIMIT 1"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [consumer.name, consumer.name, cursor_position(consumer.name), *types])
        row = cursor.fetchone()
    if row is None:
        return None
    return Unhandled(row[0], max(0.0, (_now() - parse_time(row[1])).total_seconds()))


def backlogs() -> list[Backlog]:
    """Return how every consumer stands: for the dashboard and for `/readyz`."""
    found = []
    for consumer in registered():
        oldest = oldest_unhandled(consumer)
        found.append(
            Backlog(
                consumer.name,
                oldest.age_s if oldest else 0.0,
                ParkedEvent.objects.filter(consumer=consumer.name).count(),
                MalformedMessage.objects.filter(consumer=consumer.name).count(),
            )
        )
    return found


def parked(consumer: str) -> Sequence[ParkedEvent]:
    """Return what a consumer has parked, stream by stream, each in order."""
    return list(ParkedEvent.objects.filter(consumer=consumer).order_by("stream", "position"))


def malformed(consumer: str) -> Sequence[MalformedMessage]:
    """Return the messages that a consumer found on its topic and could not read, oldest first."""
    return list(MalformedMessage.objects.filter(consumer=consumer).order_by("id"))


def _recorded(row: Event) -> RecordedEvent:
    return RecordedEvent(
        position=row.position,
        event_id=row.event_id,
        stream=row.stream,
        stream_version=row.stream_version,
        type=row.type,
        actor=row.actor,
        party=row.party,
        data=json.loads(row.data),
        request_id=row.request_id,
        recorded_at=row.recorded_at,
    )


def _of_row(row: tuple[Any, ...]) -> RecordedEvent:
    position, event_id, stream, version, type_, actor, party, data, request_id, recorded_at = row
    return RecordedEvent(
        position=position,
        event_id=identifiers.from_bytes(event_id),
        stream=stream,
        stream_version=version,
        type=type_,
        actor=actor,
        party=party,
        data=json.loads(data),
        request_id=request_id,
        recorded_at=parse_time(recorded_at),
    )


def _now() -> datetime:
    if connection.vendor != "mysql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT UTC_TIMESTAMP(6)")
        return parse_time(cursor.fetchone()[0])
