"""The one append-only log of everything that happened, and the row that gives out its positions."""

from django.db import models

from paysettle.kernel.fields import IdField, PrimaryIdField, RawField
from paysettle.kernel.insert_only import InsertOnlyModel


class EventHead(models.Model):
    """One row: the last position given out. Advanced in the last statements before COMMIT."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(default=0)

    class Meta:
        db_table = "event_head"


class Event(InsertOnlyModel):
    """Something that happened. A stream is a business object, its version that object's version."""

    position = models.BigIntegerField(primary_key=True)
    event_id = IdField(unique=True)
    stream = models.CharField(max_length=40)
    stream_version = models.PositiveIntegerField()
    type = models.CharField(max_length=80)
    actor = models.CharField(max_length=64)
    party = models.CharField(max_length=40)
    data = models.TextField()
    request_id = models.CharField(max_length=128)
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "event"
        constraints = [models.UniqueConstraint(fields=["stream", "stream_version"], name="event_stream_has_no_fork")]


class EventCursor(models.Model):
    """How far a reader of the log has come, and who may advance it now.

    `token` grows with every lease, so that a worker which slept through the end of its own is refused.
    Up to the position `forgotten` everything is handled and the dedupe rows are gone (`events/retention.py`).
    `starts` counts readers that began and have not yet applied anything, `suspect` is the position of the event that a
    careful reader tries (`events/deaths.py`).
    """

    name = models.CharField(max_length=40, primary_key=True)
    position = models.BigIntegerField(default=0)
    token = models.BigIntegerField(default=0)
    held_until = models.DateTimeField(null=True)
    starts = models.PositiveIntegerField(default=0)
    suspect = models.BigIntegerField(default=0)
    forgotten = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "event_cursor"


class ConsumedEvent(models.Model):
    """A consumer has applied an event: written in the transaction of its effect, so a second delivery is harmless.

    Old ones are forgotten together (`EventCursor.forgotten`).
    """

    pk = models.CompositePrimaryKey("consumer", "event_id")
    consumer = models.CharField(max_length=40)
    event_id = IdField()

    class Meta:
        db_table = "event_consumed"


class ParkedEvent(models.Model):
    """An event that a consumer could not apply, or one of the same stream that came after such an event."""

    pk = models.CompositePrimaryKey("consumer", "event_id")
    consumer = models.CharField(max_length=40)
    event_id = IdField()
    stream = models.CharField(max_length=40)
    position = models.BigIntegerField()
    reason = models.CharField(max_length=80)
    parked_at = models.DateTimeField()

    class Meta:
        db_table = "event_parked"
        indexes = [models.Index(fields=["consumer", "stream", "position"], name="event_parked_stream")]


class MalformedMessage(models.Model):
    """A message that was on the topic and is no event of this log; kept so that somebody can look at it."""

    id = PrimaryIdField()
    consumer = models.CharField(max_length=40)
    topic = models.CharField(max_length=249)
    partition_number = models.IntegerField()
    message_offset = models.BigIntegerField()
    message_key = RawField(max_length=80)
    raw = RawField(max_length=4096)
    reason = models.CharField(max_length=80)
    found_at = models.DateTimeField()

    class Meta:
        db_table = "event_malformed_message"
        constraints = [
            models.UniqueConstraint(
                fields=["consumer", "topic", "partition_number", "message_offset"], name="event_malformed_message_once"
            )
        ]
