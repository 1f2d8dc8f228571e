"""From the log to the topic: positions in order, key = stream, the cursor moved after every acknowledgement.

A relay that dies or loses its lease in between leaves events to be published again: the topic may hold an event
twice, but never lacks one, and the first copies of a stream's events stand in order.
"""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaException, Producer
from django.conf import settings

from paysettle.events import cursors, envelope, parking, queries
from paysettle.events.consume import BATCH_MAX
from paysettle.events.consumers import registered
from paysettle.events.cursors import Lease, LeaseLost
from paysettle.events.envelope import RecordedEvent
from paysettle.events.kafka import client
from paysettle.events.kafka.client import BrokerDown
from paysettle.kernel import transactions

CURSOR = "relay"

MESSAGE_BYTES_MAX = 256 * 1024
"""Events hold ids and amounts: a larger one is a fault, and brokers refuse 1 MB."""

_log = structlog.get_logger(__name__)


class EventTooLarge(Exception):
    """The event is too large for the topic; it stands in the log and can be redriven from there."""


class Publisher:
    """An idempotent producer that is replaced after a failure, so that nothing old is sent late."""

    def __init__(self) -> None:
        self._producer: Any = None

    def publish(self, events: Sequence[RecordedEvent], *, timeout_s: float) -> None:
        """Publish events in order and return once every broker acknowledgement is there; raise BrokerDown if not."""
        if not events:
            return
        if self._producer is None:
            client.ensure_topic()
            self._producer = Producer(_producer_options(timeout_s))
        try:
            self._publish(events, timeout_s)
        except (BrokerDown, KafkaException, BufferError) as error:
            self.close()
            raise BrokerDown(f"{len(events)} events wait: {error}") from error

    def close(self) -> None:
        """Drop the producer and what it has not sent."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.flush(0)

    def _publish(self, events: Sequence[RecordedEvent], timeout_s: float) -> None:
        acknowledged: list[int] = []
        refused: list[str] = []

        def note(error: Any, _message: Any) -> None:
            if error is None:
                acknowledged.append(1)
            else:
                refused.append(error.name())

        for event in events:
            self._producer.produce(
                settings.KAFKA_TOPIC,
                key=event.stream.encode(),
                value=envelope.encode(event),
                headers={"content-type": envelope.CONTENT_TYPE},
                on_delivery=note,
            )
        give_up_at = time.monotonic() + timeout_s
        while len(acknowledged) < len(events) and not refused and time.monotonic() < give_up_at:
            self._producer.flush(0.2)
        if len(acknowledged) < len(events):
            raise BrokerDown(refused[0] if refused else "no acknowledgement in time")


class Relay:
    """Publishes the log; a part of the worker. One at a time, by lease."""

    name = "relay"

    def __init__(self) -> None:
        self._publisher = Publisher()
        self._lease: Lease | None = None

    def step(self) -> bool:
        """Publish the next events; False when the end is reached or another worker is at it."""
        if queries.cursor_position(CURSOR) >= queries.head():
            return False
        lease = self._lease = self._hold()
        if lease is None:
            return False
        events = queries.after(queries.cursor_position(CURSOR), limit=BATCH_MAX)
        if not events:
            return False
        # Well before the lease ends, or two relays with a slow broker would take it from each other for ever.
        self._publisher.publish(_sizeable(events), timeout_s=settings.WORKER_LEASE_S / 2)
        try:
            transactions.run(lambda tx: cursors.advance(tx, lease, events[-1].position))
        except LeaseLost:
            self._lease = None
            return True
        return len(events) == BATCH_MAX

    def close(self) -> None:
        """Release the lease and drop the producer."""
        self._publisher.close()
        lease, self._lease = self._lease, None
        if lease is not None:
            cursors.release(lease)

    def _hold(self) -> Lease | None:
        if self._lease is not None and self._lease.fresh:
            return self._lease
        return cursors.take(CURSOR, held=self._lease)


def replay(from_position: int) -> int:
    """Publish the log again from a position on, for a broker that lost it; return how many events there were.

    Consumers pass by what they have applied. The relay's cursor stays where it is.
    """
    publisher = Publisher()
    count, last = 0, queries.head()
    position = from_position - 1
    while events := [e for e in queries.after(position, limit=BATCH_MAX) if e.position <= last]:
        publisher.publish(_sizeable(events), timeout_s=client.ANSWER_TIMEOUT_S * 2)
        count += len(events)
        position = events[-1].position
    publisher.close()
    return count


def _sizeable(events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """Return the events that fit on the topic; the others are parked for every consumer that they concern."""
    fitting = []
    for event in events:
        if len(envelope.encode(event)) <= MESSAGE_BYTES_MAX:
            fitting.append(event)
            continue
        _log.error("event_too_large", position=event.position, stream=event.stream, type=event.type)
        for consumer in registered():
            if consumer.concerns(event.type):
                parking.park_unpublished(consumer, event, EventTooLarge)
    return fitting


def _producer_options(timeout_s: float) -> dict[str, Any]:
    return client.options(
        **{
            "enable.idempotence": True,
            "acks": "all",
            "max.in.flight.requests.per.connection": 5,
            "linger.ms": 5,
            "compression.type": "lz4",
            "delivery.timeout.ms": int(timeout_s * 1000),
        }
    )
