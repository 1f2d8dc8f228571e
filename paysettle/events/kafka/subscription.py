"""From the topic to a consumer: offsets are committed after the database, so nothing is lost; dedupe does the rest.

The topic only tells that there is something new. What is applied is the event as the log holds it: a message that
says something else is set aside, whoever wrote it.
"""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from confluent_kafka import Consumer as KafkaClient
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from django.conf import settings

from paysettle.events import cursors, envelope, queries
from paysettle.events.consume import BATCH_MAX
from paysettle.events.consumers import Consumer
from paysettle.events.deaths import Watch
from paysettle.events.envelope import MalformedEvent, RecordedEvent
from paysettle.events.kafka import client
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.transactions import Transaction

RAW_BYTES_MAX = 4096
KEY_BYTES_MAX = 80

_WAIT_S = 0.4
_GATHER_S = 0.02
_NOTE_PROGRESS_EVERY_S = 2.0

_COLUMNS = (
    "id",
    "consumer",
    "topic",
    "partition_number",
    "message_offset",
    "message_key",
    "raw",
    "reason",
    "found_at",
)

_log = structlog.get_logger(__name__)


class NotInLog(MalformedEvent):
    """The message has the form of an event, but the log has no such event: it is not ours."""


class Subscription:
    """Applies the messages of the topic to one consumer; a part of the worker."""

    def __init__(self, consumer: Consumer) -> None:
        self.name = f"consume:{consumer.name}"
        self._consumer = consumer
        self._client: Any = None
        self._watch = Watch(consumer)
        self._note_progress_at = 0.0

    def step(self) -> bool:
        """Apply the messages that are there, waiting for some for less than half a second."""
        if self._client is None:
            self._client = self._open()
            self._watch.begin()
        messages = self._fetch()
        if messages:
            self._apply(messages)
            self._commit(messages)
        self._note_progress()
        return bool(messages)

    def close(self) -> None:
        """Leave the group; what was not committed is delivered again, here or elsewhere."""
        opened, self._client = self._client, None
        self._watch.end()
        if opened is not None:
            opened.close()

    def _open(self) -> Any:
        client.ensure_topic()
        opened = KafkaClient(
            client.options(
                **{
                    "group.id": f"{settings.KAFKA_GROUP}.{self._consumer.name}",
                    "enable.auto.commit": False,
                    "auto.offset.reset": "earliest",
                    "partition.assignment.strategy": "cooperative-sticky",
                    "session.timeout.ms": 10_000,
                    "topic.metadata.refresh.interval.ms": 30_000,
                }
            )
        )
        opened.subscribe([settings.KAFKA_TOPIC])
        return opened

    def _fetch(self) -> list[Any]:
        first = self._client.poll(_WAIT_S)
        if first is None:
            return []
        found = [first, *self._client.consume(BATCH_MAX - 1, timeout=_GATHER_S)]
        for message in found:
            if (error := message.error()) is not None and not error.retriable():
                if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise client.BrokerDown("The topic is gone; it is made again.")
                _log.warning("topic_error", code=error.name())
        return [message for message in found if message.error() is None]

    def _apply(self, messages: Sequence[Any]) -> None:
        read: list[tuple[Any, RecordedEvent | MalformedEvent]] = [(message, _read(message)) for message in messages]
        of_log = queries.by_ids(event.event_id for _, event in read if isinstance(event, RecordedEvent))
        events, strange = [], []
        for message, event in read:
            if isinstance(event, MalformedEvent):
                strange.append((message, event))
            elif of_log.get(event.event_id) != event:
                strange.append((message, NotInLog()))
            else:
                events.append(event)
        if strange:
            transactions.run(lambda tx: _set_aside(tx, self._consumer, strange))
        self._watch.apply(events)

    def _commit(self, messages: Sequence[Any]) -> None:
        next_: dict[int, int] = {}
        for message in messages:
            next_[message.partition()] = max(next_.get(message.partition(), 0), message.offset() + 1)
        offsets = [TopicPartition(settings.KAFKA_TOPIC, number, offset) for number, offset in next_.items()]
        try:
            self._client.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            # The partitions went to another member, or the broker is away: they come again and change nothing.
            _log.warning("offsets_not_committed", code=error.args[0].name())

    def _note_progress(self) -> None:
        """Move the consumer's cursor in the database, by which its backlog is measured, now and then."""
        if time.monotonic() < self._note_progress_at:
            return
        self._note_progress_at = time.monotonic() + _NOTE_PROGRESS_EVERY_S
        last = queries.head()  # before the question, so that an event in between is not passed by
        oldest = queries.oldest_unhandled(self._consumer)
        done = last if oldest is None else oldest.position - 1
        if done > queries.cursor_position(self._consumer.name):
            cursors.raise_to(self._consumer.name, done)


def _read(message: Any) -> RecordedEvent | MalformedEvent:
    try:
        event = envelope.decode(message.value() or b"")
    except MalformedEvent as error:
        return error
    return event if message.key() == event.stream.encode() else MalformedEvent("The key is not the stream.")


def _set_aside(tx: Transaction, consumer: Consumer, strange: Sequence[tuple[Any, MalformedEvent]]) -> None:
    now = tx.time(tx.read_clock())
    for message, error in strange:
        place = (consumer.name, message.topic(), message.partition(), message.offset())
        if tx.fetch(
            "SELECT 1 FROM event_malformed_message"
            " WHERE consumer = %s AND topic = %s AND partition_number = %s AND message_offset = %s",
            place,
        ):
            continue
        _log.error("malformed_message", consumer=consumer.name, place=place[1:], error=str(error))
        row = (
            identifiers.new().bytes,
            *place,
            (message.key() or b"")[:KEY_BYTES_MAX],
            (message.value() or b"")[:RAW_BYTES_MAX],
            type(error).__name__,
            now,
        )
        tx.insert("event_malformed_message", _COLUMNS, [row])
