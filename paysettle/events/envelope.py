"""An event on its way: what the log holds, and the CloudEvents 1.0 JSON that carries it over the bus.

The time-ordered position travels as a text, because an integer of CloudEvents has 32 bits.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn
from uuid import UUID

from django.conf import settings

from paysettle.kernel import times

CONTENT_TYPE = "application/cloudevents+json"

_TYPE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+")
_POSITION = re.compile(r"[1-9][0-9]{0,18}")
_ATTRIBUTES = {
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "dataschema",
    "datacontenttype",
    "data",
    "position",
    "streamversion",
    "actor",
    "party",
    "requestid",
    "partitionkey",
}


class MalformedEvent(Exception):
    """The bytes are not an event as this project writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event as the log holds it; `position` is its place in the log, `stream_version` that in its stream."""

    position: int
    event_id: UUID
    stream: str
    stream_version: int
    type: str
    actor: str
    party: str
    data: dict[str, Any]
    request_id: str
    recorded_at: datetime

    @property
    def family(self) -> str:
        """The type without its version: `paysettle.payment.completed`."""
        return family(self.type)


def family(type_: str) -> str:
    """Return an event type without its version."""
    return type_.rpartition(".")[0]


def encode(event: RecordedEvent) -> bytes:
    """Return the CloudEvents JSON of an event."""
    document = {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": settings.PUBLIC_URL,
        "type": event.type,
        "subject": event.stream,
        "time": times.show(event.recorded_at),
        "dataschema": f"{settings.PUBLIC_URL}/events/{event.type}.json",
        "datacontenttype": "application/json",
        "position": str(event.position),
        "streamversion": event.stream_version,
        "actor": event.actor,
        "party": event.party,
        "requestid": event.request_id,
        "partitionkey": event.stream,
        "data": event.data,
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def decode(raw: bytes) -> RecordedEvent:
    """Return the event that `encode` wrote as these bytes; raise MalformedEvent for anything else."""
    try:
        document = json.loads(raw.decode(), object_pairs_hook=_object, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent("This is not strict JSON in UTF-8.") from error
    if not isinstance(document, dict) or document.keys() != _ATTRIBUTES:
        raise MalformedEvent("This has not exactly the attributes of our events.")
    if document["specversion"] != "1.0" or document["datacontenttype"] != "application/json":
        raise MalformedEvent("This is another version of CloudEvents or not JSON.")
    texts = {name: document[name] for name in _ATTRIBUTES - {"data", "streamversion"}}
    if not all(isinstance(value, str) for value in texts.values()):
        raise MalformedEvent("An attribute is not a text.")
    version, data = document["streamversion"], document["data"]
    if type(version) is not int or not 1 <= version < 2**31 or not isinstance(data, dict):
        raise MalformedEvent("The version of the stream or the data has the wrong form.")
    if not _TYPE.fullmatch(texts["type"]) or not _POSITION.fullmatch(texts["position"]):
        raise MalformedEvent("The type or the position has the wrong form.")
    if texts["partitionkey"] != texts["subject"]:
        raise MalformedEvent("The key is not the stream.")
    return RecordedEvent(
        position=int(texts["position"]),
        event_id=_uuid(texts["id"]),
        stream=texts["subject"],
        stream_version=version,
        type=texts["type"],
        actor=texts["actor"],
        party=texts["party"],
        data=data,
        request_id=texts["requestid"],
        recorded_at=_moment(texts["time"]),
    )


def _uuid(text: str) -> UUID:
    try:
        found = UUID(text)
    except ValueError:
        raise MalformedEvent("The id is not a UUID.") from None
    if str(found) != text:
        raise MalformedEvent("The id is not written as ours are.")
    return found


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise MalformedEvent("The time is not RFC 3339 in UTC with microseconds.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedEvent("A key stands twice in one object.")
    return found


def _refuse(_literal: str) -> NoReturn:
    raise MalformedEvent("Events hold whole numbers only.")
