"""Events that no operation has recorded, for tests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from paysettle.events.log import NewEvent
from paysettle.kernel import identifiers


def new_event(
    type_: str,
    stream: str,
    version: int,
    at: datetime,
    *,
    event_id: UUID | None = None,
    party: str = "system",
    data: Mapping[str, Any] | None = None,
    request_id: str = "test",
) -> NewEvent:
    """Return an event of the system, to be recorded in the transaction in which the time was read."""
    return NewEvent(
        event_id=event_id or identifiers.new(),
        stream=stream,
        version=version,
        type=type_,
        actor="system",
        party=party,
        data=dict(data or {}),
        request_id=request_id,
        at=at,
    )
