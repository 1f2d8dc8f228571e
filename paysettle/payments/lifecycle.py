"""From which state a payment moves to which, and whose move it is. A table, in plain Python.

A payment that is paid at once is born completed. One that is authorised holds the payer's money until the payee
captures it, in one or several parts, or gives it back, or the hold expires. What was captured may be refunded.

One that others of the payer's organisation must approve waits for them first, with its money on hold; the payee does
not see it before.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a payment stands."""

    PENDING_APPROVAL = "pending_approval"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    AUTHORISED = "authorised"
    COMPLETED = "completed"
    RELEASED = "released"
    EXPIRED = "expired"


UNAPPROVED = frozenset({State.PENDING_APPROVAL, State.REJECTED, State.WITHDRAWN, State.LAPSED})
"""Where a payment is the payer's alone: it waits for approval, or did not get it."""


class Verb(StrEnum):
    """What can be done with a payment that exists."""

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    CAPTURE = "capture"
    RELEASE = "release"
    EXPIRE = "expire"
    REFUND = "refund"


class Side(StrEnum):
    """Whose move it is."""

    PAYER = "payer"
    PAYEE = "payee"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Step:
    """A legal move: by whom, and from which states."""

    by: Side
    before: frozenset[State]


STEPS: dict[Verb, Step] = {
    Verb.APPROVE: Step(Side.PAYER, frozenset({State.PENDING_APPROVAL})),
    Verb.REJECT: Step(Side.PAYER, frozenset({State.PENDING_APPROVAL})),
    Verb.WITHDRAW: Step(Side.PAYER, frozenset({State.PENDING_APPROVAL})),
    Verb.CAPTURE: Step(Side.PAYEE, frozenset({State.AUTHORISED})),
    Verb.RELEASE: Step(Side.PAYEE, frozenset({State.AUTHORISED})),
    Verb.EXPIRE: Step(Side.SYSTEM, frozenset({State.AUTHORISED, State.PENDING_APPROVAL})),
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


UNAPPROVED_AFTER = {
    Verb.REJECT: State.REJECTED,
    Verb.WITHDRAW: State.WITHDRAWN,
    Verb.EXPIRE: State.LAPSED,
}
"""Where a payment that waited for approval stands once it gets none."""
