"""From which state a payment moves to which, and whose move it is. A table, in plain Python.

A payment that is paid at once is born completed. One that is authorised holds the payer's money until the payee
captures it, in one or several parts, or gives it back, or the hold expires. What was captured may be refunded.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a payment stands."""

    AUTHORISED = "authorised"
    COMPLETED = "completed"
    RELEASED = "released"
    EXPIRED = "expired"


class Verb(StrEnum):
    """What can be done with a payment that exists."""

    CAPTURE = "capture"
    RELEASE = "release"
    EXPIRE = "expire"
    REFUND = "refund"


class Side(StrEnum):
    """Whose move it is."""

    PAYEE = "payee"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Step:
    """A legal move: by whom, and from which states."""

    by: Side
    before: frozenset[State]


STEPS: dict[Verb, Step] = {
    Verb.CAPTURE: Step(Side.PAYEE, frozenset({State.AUTHORISED})),
    Verb.RELEASE: Step(Side.PAYEE, frozenset({State.AUTHORISED})),
    Verb.EXPIRE: Step(Side.SYSTEM, frozenset({State.AUTHORISED})),
    # What an open hold has not captured yet cannot be refunded; what it has, can.
    Verb.REFUND: Step(Side.PAYEE, frozenset({State.AUTHORISED, State.COMPLETED})),
}


def state_after(*, captured_minor: int, held_minor: int, ended_by: Verb) -> State:
    """Return the state of a payment with this much captured and still on hold, in minor units."""
    if held_minor:
        return State.AUTHORISED
    if captured_minor:
        return State.COMPLETED
    return State.EXPIRED if ended_by is Verb.EXPIRE else State.RELEASED
