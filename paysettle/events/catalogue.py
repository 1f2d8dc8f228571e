"""The catalogue of events: what each type means and what its data hold, as JSON Schema (draft 2020-12).

Each slice describes the types it writes in its `event_types.py`. `make docs` writes a file for each to `docs/events`;
the same is served at the address that an event's `dataschema` names. A type never changes once it was written by a
release, but for new optional members; anything else is a new version of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time", "description": "RFC 3339 in UTC with microseconds"}
MONEY: Schema = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer", "minimum": 0, "description": "minor units"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217"},
        "decimal": {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?$"},
    },
    "required": ["amount", "currency", "decimal"],
    "additionalProperties": False,
}


def identifier(prefix: str) -> Schema:
    """Return the schema of a public id: `pay_06f8…`."""
    return {"type": "string", "pattern": f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"}


def one_of(*texts: str) -> Schema:
    """Return the schema of one of some words."""
    return {"enum": sorted(texts)}


def list_of(**members: Schema) -> Schema:
    """Return the schema of a list of objects."""
    return {"type": "array", "items": _object(members, optional=())}


BY_KEY: Mapping[str, Schema] = {"key": identifier("key")}
"""An optional member of what a party may do with an API key: which one it was. The actor is the key's maker."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event: its sentence and the schema of its `data`."""

    name: str
    meaning: str
    data: Schema

    def document(self) -> dict[str, Any]:
        """Return the JSON Schema of the data of such an event."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            "description": self.meaning,
            **self.data,
        }


_described: dict[str, EventType] = {}


def describe(name: str, meaning: str, members: Mapping[str, Schema], *, optional: tuple[str, ...] = ()) -> None:
    """Add a type of event; raise ValueError if it is described already."""
    if name in _described:
        raise ValueError(f"{name} is described twice.")
    _described[name] = EventType(name, meaning, _object(members, optional=optional))


def described() -> dict[str, EventType]:
    """Return all types by name."""
    return dict(sorted(_described.items()))


def _object(members: Mapping[str, Schema], *, optional: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(members),
        "required": [name for name in members if name not in optional],
        "additionalProperties": False,
    }
