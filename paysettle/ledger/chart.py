"""The chart of accounts: which kinds there are, and which may not go below zero. A table."""

from dataclasses import dataclass
from enum import StrEnum


class AccountState(StrEnum):
    """Whether an account takes part in transfers."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of account: what it is for, and its floor in minor units (None: may go below zero)."""

    code: str
    sentence: str
    floor_minor: int | None


WALLET = Kind("wallet", "What a party owns and may spend; one for each currency.", 0)
WORLD = Kind("world", "Everything outside: money that comes in is owed by it, money that leaves goes to it.", None)

SUSPENSE = Kind("suspense", "Money whose owner is not known yet; back to zero once that is settled.", None)
FEES = Kind("fees", "What the system has earned.", 0)

KINDS = {kind.code: kind for kind in (WALLET, WORLD, SUSPENSE, FEES)}
