"""How this project talks to Kafka: addresses, the topic, and where librdkafka's own log goes."""

import time
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from django.conf import settings

from paysettle.events.parts import Outage

ANSWER_TIMEOUT_S = 5.0
"""How long a broker may take to answer before it counts as down."""

_REPEAT_AFTER_S = 30.0

_log = structlog.get_logger(__name__)


class BrokerDown(Outage):
    """No broker answered in time. The log keeps everything."""


class LibraryLog:
    """The logger handed to librdkafka: a broker that is down is told twice a minute, not twenty lines a second."""

    def __init__(self) -> None:
        self._told_at: dict[str, float] = {}

    def log(self, level: int, text: str, *values: Any) -> None:
        """Take one line of librdkafka, whose first value is the kind of line."""
        kind = str(values[0]) if values else text
        now = time.monotonic()
        if now - self._told_at.get(kind, -_REPEAT_AFTER_S) < _REPEAT_AFTER_S:
            return
        self._told_at[kind] = now
        _log.log(level, "librdkafka", text=text % values if values else text)


def options(**more: Any) -> dict[str, Any]:
    """Return the configuration of a client: the settings of this installation, then those of the caller."""
    return {
        "bootstrap.servers": settings.KAFKA_BOOTSTRAP_SERVERS,
        "client.id": "paysettle",
        "logger": LibraryLog(),
        "error_cb": _note_error,
        **settings.KAFKA_OPTIONS,
        **more,
    }


def check_options() -> None:
    """Raise ValueError, with librdkafka's own words, if no client can be made of the settings. Nothing is sent."""
    try:
        AdminClient(options())
    except KafkaException as error:
        raise ValueError(error.args[0].str().strip().rstrip(".")) from None


def ensure_topic() -> None:
    """Create the topic if it is missing; raise BrokerDown if no broker answers.

    The number of partitions is fixed: raising it later moves keys to other partitions and breaks their order.
    """
    topic = settings.KAFKA_TOPIC
    try:
        admin = AdminClient(options())
        if topic in admin.list_topics(timeout=ANSWER_TIMEOUT_S).topics:
            return
        wanted = NewTopic(
            topic, num_partitions=settings.KAFKA_PARTITIONS, replication_factor=settings.KAFKA_REPLICATION or -1
        )
        admin.create_topics([wanted], request_timeout=ANSWER_TIMEOUT_S)[topic].result(timeout=ANSWER_TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise BrokerDown(str(error.args[0])) from error
    _log.info("topic_ready", topic=topic)


def _note_error(error: Any) -> None:
    _log.debug("kafka_error", code=error.name())
