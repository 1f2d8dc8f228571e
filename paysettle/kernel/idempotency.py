"""Idempotency keys: the same key and the same request give the same answer. Rule MR6.

The scope of a key is (acting party, operation, SHA-256 of the key): never the user, session or path, or a rotated
credential would pay twice. Key rows commit with the effect they protect, in the same transaction. There is no claim
and no lease: a twin waits on the locks of the first and then finds its answer.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from paysettle.kernel import compact_json, identifiers
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction

_COLUMNS = (
    "party_id",
    "operation",
    "digest",
    "fingerprint",
    "success",
    "status",
    "object_id",
    "answer",
    "request_id",
    "created_at",
)


class IdempotencyKeyReused(DomainError):
    """The key was used before, with another request."""

    code = "idempotency_key_reused"
    status = 422
    title = "This idempotency key was used before, with a different request."


def digest_of(key: str) -> bytes:
    """Return the SHA-256 of a key: user-given text is never compared by a collation."""
    return hashlib.sha256(key.encode()).digest()


class IdempotencyKeyExpired(DomainError):
    """The key made an object so long ago that the answer is not kept any more."""

    code = "idempotency_key_expired"
    status = 409
    title = "This idempotency key was used long ago; its answer is not kept any more."


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One request for an operation, as it travels through the lane."""

    party_id: UUID
    key: str
    fingerprint: bytes
    request_id: str
    place: tuple[bytes, bytes] = field(init=False, repr=False, compare=False)
    """Whose the key is, and its digest."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", (self.party_id.bytes, digest_of(self.key)))


class Answer(NamedTuple):
    """What an item is answered: status and JSON text, both as the first request with this key got them."""

    status: int
    text: str
    object_id: UUID | None
    request_id: str
    replayed: bool = False
    made: dict[str, Any] | None = None
    """What the text was made of, if that was here and now."""

    def document(self) -> dict[str, Any]:
        """Return the answer as a dictionary; do not change it."""
        return compact_json.loads(self.text) if self.made is None else self.made


def fingerprint(*parts: Any) -> bytes:
    """Return the SHA-256 of a request: of its parts in canonical JSON (sorted keys, no blanks)."""
    return hashlib.sha256(compact_json.canonical(parts)).digest()


_STORED = (
    "SELECT party_id, digest, fingerprint, status, answer, object_id, request_id FROM kernel_idempotency_key{by_key}"
    " WHERE operation = %s AND digest IN ({values})"
)


class Keys:
    """The keys of one batch: what was stored before, what this batch stores."""

    def __init__(self, tx: Transaction, operation: str, prefix: str, items: Sequence[Item]) -> None:
        """Ask for the keys of the batch. The locks must be held already, or a twin's row could be missed."""
        self._tx = tx
        self._operation = operation
        self._prefix = prefix
        self._new: list[tuple[Any, ...]] = []
        self._wanted = {item.place for item in items}
        self._stored = tx.ask(_STORED, {digest for _, digest in self._wanted}, [operation])

    @cached_property
    def _known(self) -> dict[tuple[bytes, bytes], tuple[bytes, Answer]]:
        known = {}
        for party, digest, print_, status, text, object_id, request_id in self._stored.rows:
            if (bytes(party), bytes(digest)) in self._wanted:
                made = None if object_id is None else identifiers.from_bytes(object_id)
                answer = Answer(status, text or "", made, request_id)
                known[bytes(party), bytes(digest)] = (bytes(print_), answer)
        return known

    def find(self, item: Item) -> Answer | None:
        """Return the stored answer for an item, if there is one.

        Raises IdempotencyKeyReused for another request, IdempotencyKeyExpired when the answer was dropped.
        """
        known = self._known.get(item.place)
        if known is None:
            return None
        print_, answer = known
        # A stored refusal made nothing that could be named.
        made = {} if answer.object_id is None else {"object_id": identifiers.show(self._prefix, answer.object_id)}
        if print_ != item.fingerprint:
            raise IdempotencyKeyReused(**made)
        if not answer.text:
            raise IdempotencyKeyExpired(**made)
        return answer._replace(replayed=True, made=None)

    def remember(self, item: Item, answer: Answer, *, success: bool, at: datetime) -> None:
        """Keep an answer; it is written by the next `write`."""
        self._known[item.place] = (item.fingerprint, answer)
        self._new.append(
            (
                item.place[0],
                self._operation,
                item.place[1],
                item.fingerprint,
                success,
                answer.status,
                None if answer.object_id is None else answer.object_id.bytes,
                answer.text,
                item.request_id,
                self._tx.time(at),
            )
        )

    def write(self) -> None:
        """Insert the keys that were kept since the last time."""
        self._tx.insert("kernel_idempotency_key", _COLUMNS, self._new)
        self._new = []
