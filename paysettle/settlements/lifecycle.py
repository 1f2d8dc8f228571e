"""From which state a settlement moves to which, and whose move it is. A table, in plain Python."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a settlement stands."""

    REQUESTED = "requested"
    SETTLED = "settled"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Verb(StrEnum):
    """What a party can do with a settlement."""

    REQUEST = "request"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"


class Side(StrEnum):
    """Whose move it is."""

    ASKER = "asker"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Step:
    """A legal move: from a state (None: there is no settlement yet) by a side to a state."""

    before: State | None
    by: Side
    after: State


STEPS: dict[Verb, Step] = {
    Verb.REQUEST: Step(None, Side.ASKER, State.REQUESTED),
    Verb.APPROVE: Step(State.REQUESTED, Side.OTHER, State.SETTLED),
    Verb.REJECT: Step(State.REQUESTED, Side.OTHER, State.REJECTED),
    Verb.WITHDRAW: Step(State.REQUESTED, Side.ASKER, State.WITHDRAWN),
}
