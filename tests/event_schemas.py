"""Events that were written, held against the catalogue."""

import json
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from paysettle.events.catalogue import described
from paysettle.events.models import Event

SPOILT = "spoilt-on-purpose"
"""The request id of an event that a test has broken."""

EACH_MAX = 300
"""The newest of each type are looked at: those of a load test are all alike."""


def broken() -> Iterator[str]:
    """Yield what is wrong with the events of this database."""
    for name in Event.objects.exclude(type__startswith="paysettle.test.").values_list("type", flat=True).distinct():
        newest = (
            Event.objects.filter(type=name)
            .exclude(request_id=SPOILT)
            .order_by("-position")
            .values_list("position", "data")
        )
        for position, data in newest[:EACH_MAX]:
            yield from (f"{name} at {position}: {fault}" for fault in faults(name, json.loads(data)))


def faults(name: str, data: dict[str, Any]) -> list[str]:
    """Return what is wrong with the data of one event."""
    found = described().get(name)
    if found is None:
        return ["this type is not described"]
    check = Draft202012Validator(found.document(), format_checker=FormatChecker())
    return [f"{error.json_path} {error.message}" for error in check.iter_errors(data)]
