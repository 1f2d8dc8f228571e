"""Who keeps whom away? Read inside the transaction of a batch, after its locks."""

from collections.abc import Iterable
from functools import cached_property
from uuid import UUID

from paysettle.kernel.transactions import Transaction


class Blocks:
    """The blocks between the parties of one batch, as they are now."""

    def __init__(self, tx: Transaction, pairs: Iterable[tuple[UUID, UUID]]) -> None:
        """Ask for all pairs of somebody who may have blocked and somebody who may be blocked, with one statement."""
        wanted = list(pairs)
        blocked = sorted({party_id.bytes for _, party_id in wanted})
        places = ",".join(["%s"] * len(blocked))
        self._rows = tx.ask(
            f"SELECT owner_id, party_id FROM identity_contact WHERE is_blocked AND party_id IN ({places})"  # noqa: S608
            " AND owner_id IN ({values})",
            {owner_id.bytes for owner_id, _ in wanted},
            blocked,
        )

    @cached_property
    def _pairs(self) -> set[tuple[bytes, bytes]]:
        return {(bytes(owner), bytes(party)) for owner, party in self._rows.rows}

    def keeps_away(self, owner_id: UUID, party_id: UUID) -> bool:
        """Tell whether one party of a pair that was asked for keeps the other one away."""
        return (owner_id.bytes, party_id.bytes) in self._pairs
