"""A settlement as its parties see it: plain dictionaries, the same in answers, lists and stored answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from paysettle.kernel import identifiers, times
from paysettle.settlements.lifecycle import State, Verb
from paysettle.settlements.rules import Leg


@dataclass(frozen=True, slots=True)
class Move:
    """One step of the history."""

    version: int
    party_id: UUID
    what: Verb
    reason: str
    at: datetime


def settlement(
    *,
    settlement_id: UUID,
    asker_id: UUID,
    state: State,
    legs: Sequence[Leg],
    moves: Sequence[Move],
    handles: Mapping[UUID, str],
) -> dict[str, Any]:
    """Return the document of a settlement; `moves` is its history from the first to the last."""

    def party(party_id: UUID) -> dict[str, str]:
        return {"id": identifiers.show("par", party_id), "handle": handles[party_id]}

    return {
        "id": identifiers.show("set", settlement_id),
        "state": state.value,
        "version": moves[-1].version,
        "asker": party(asker_id),
        "legs": [
            {"debtor": party(leg.debtor_id), "creditor": party(leg.creditor_id), "amount": leg.money.document()}
            for leg in legs
        ],
        "moves": [
            {
                "version": move.version,
                "what": move.what.value,
                "party": party(move.party_id),
                "reason": move.reason,
                "at": times.show(move.at),
            }
            for move in moves
        ],
        "created_at": times.show(moves[0].at),
        "changed_at": times.show(moves[-1].at),
    }
