"""What stands in the way of closing an account, and what ends with it: a list to which each slice adds its part.

Identity knows people and sessions, and not the slices above it, which know money. `operations/closing.py` asks all of
them in the order in which they were registered, inside its transaction and under the lock of the party's row. The part
that locks wallets comes first, so what the others read afterwards no payment can change any more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from paysettle.identity.caller import Caller
from paysettle.kernel.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Hindrance:
    """A reason why an account cannot be closed yet: a code, a sentence for the person, and how many there are."""

    code: str
    message: str
    count: int

    def document(self) -> dict[str, Any]:
        """Return it as it stands in a problem document."""
        return {"code": self.code, "message": self.message, "count": self.count}


def _nothing(_tx: Transaction, _party_id: UUID, _by: Caller, _at: datetime) -> None:
    """End nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a slice has to say: `hindrances` of a party, and how to `end` what is the slice's once there are none."""

    hindrances: Callable[[Transaction, UUID], Sequence[Hindrance]]
    end: Callable[[Transaction, UUID, Caller, datetime], None] = _nothing


_parts: list[Part] = []


def register(part: Part) -> None:
    """Add the part of a slice."""
    _parts.append(part)


def registered() -> tuple[Part, ...]:
    """Return all parts, in the order in which they were added."""
    return tuple(_parts)
