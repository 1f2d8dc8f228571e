"""Many payments in one call, each with a key and an outcome of its own.

The batch and its items are stored first, then carried out in chunks, each chunk one transaction. An item's effect is
protected by its own key, the same that a single payment would use: whatever is carried out again changes nothing and
gets the same outcome. So a batch that was interrupted is simply carried out again from its first open item; the claim
on a batch only saves two processes from doing the same work.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from paysettle.identity.caller import Caller
from paysettle.identity.roles import Permission
from paysettle.identity.standing import Standing
from paysettle.kernel import batch, compact_json, identifiers, transactions
from paysettle.kernel.batch import Book, Operation, Outcome, Success
from paysettle.kernel.errors import OutcomeUnknown, Unavailable
from paysettle.kernel.idempotency import Answer, Item, fingerprint
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Transaction
from paysettle.payments import queries
from paysettle.payments.models import PaymentBatch, PaymentBatchItem
from paysettle.payments.operations.send import PaymentOrder, send_payment
from paysettle.payments.queries import OpenItem

ITEMS_MAX = 10_000
CHUNK_ITEMS_MAX = 500
CLAIM = timedelta(seconds=30)

_ITEM_COLUMNS = ("id", "batch_id", "n", "item_key", "said", "status", "outcome")


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One order as it was read, or what is wrong with it (`problem`)."""

    key: str
    order: PaymentOrder | None
    problem: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder(Item):
    """Carry these orders out, each for itself."""

    by: Caller
    items: Sequence[BatchItem]


class SubmitBatch(Operation[BatchOrder]):
    """Stores batches; nothing is paid yet."""

    name = "payment.batch"
    prefix = "bat"

    def prepare(self, item: BatchOrder) -> None:
        """Nothing is needed before."""

    def open(self, tx: Transaction, prepared: Sequence[tuple[BatchOrder, None]]) -> "_SubmitBook":
        """Read who may act."""
        return _SubmitBook(tx, [item for item, _ in prepared])


class _SubmitBook(Book[BatchOrder]):
    def __init__(self, tx: Transaction, orders: Sequence[BatchOrder]) -> None:
        self._tx = tx
        self._standing = Standing(tx, [order.by for order in orders], [])
        self._batches: list[tuple[Any, ...]] = []
        self._items: list[tuple[Any, ...]] = []

    def admit(self, item: BatchOrder) -> None:
        self._standing.admit(item.by, Permission.PAY)

    def decide(self, item: BatchOrder, now: datetime) -> Success:
        batch_id = identifiers.new()
        user_id = item.by.user_id or identifiers.SYSTEM
        times = (self._tx.time(now + CLAIM), self._tx.time(now))
        key_id = None if item.by.key_id is None else item.by.key_id.bytes
        whose = (batch_id.bytes, item.party_id.bytes, user_id.bytes, key_id)
        self._batches.append((*whose, len(item.items), 0, *times, None))
        for n, one in enumerate(item.items):
            stored = "" if one.order is None else compact_json.dumps(_stored(one.order))
            status, outcome = (
                (0, "") if one.problem is None else (one.problem["status"], compact_json.dumps(one.problem))
            )
            self._items.append((identifiers.new().bytes, batch_id.bytes, n, one.key, stored, status, outcome))
        return Success(batch_id, 202, {"id": identifiers.show("bat", batch_id)})

    def write(self) -> None:
        columns = ("id", "party_id", "user_id", "key_id", "total", "done", "claimed_until", "created_at", "finished_at")
        self._tx.insert("payments_batch", columns, self._batches)
        self._tx.insert("payments_batch_item", _ITEM_COLUMNS, self._items)


def carry_out(batch_id: UUID, order: BatchOrder | None = None) -> None:
    """Carry out the open items of a batch, chunk by chunk, and finish it.

    `order` is the batch as it came in; without it, it is read back. Raises Unavailable or OutcomeUnknown when the
    database goes away; the worker then carries on later.
    """
    found = PaymentBatch.objects.get(id=batch_id)
    # The session in which it was accepted may end; a key is asked about again for each chunk, as is the person.
    caller = Caller(party_id=found.party_id, user_id=found.user_id, key_id=found.key_id)
    while chunk := queries.open_items(batch_id, limit=CHUNK_ITEMS_MAX):
        outcomes = batch.run(send_payment, _orders(batch_id, chunk, caller, order))
        _keep(batch_id, chunk, outcomes)
    _finish(batch_id)


def claim_interrupted() -> UUID | None:
    """Return a batch whose process has stopped working on it, claimed for this one; None if there is none."""

    def work(tx: Transaction) -> UUID | None:
        now = tx.read_clock()
        for candidate in queries.interrupted_batches(now, limit=10):
            mine = PaymentBatch.objects.filter(id=candidate.id, claimed_until=candidate.claimed_until)
            if mine.update(claimed_until=now + CLAIM):
                return candidate.id
        return None

    return transactions.run(work)


def _orders(batch_id: UUID, chunk: Sequence[OpenItem], caller: Caller, whole: BatchOrder | None) -> list[PaymentOrder]:
    """Return the orders of a chunk: the same whether they are still here or are read back."""
    name = identifiers.show("bat", batch_id)
    if whole is None:
        said = queries.said(item.id for item in chunk)
        return [_read_back(said[item.id], key=item.key, by=caller, request_id=f"{name}.{item.n}") for item in chunk]
    here = [(item.n, whole.items[item.n].order) for item in chunk]
    return [replace(order, by=caller, request_id=f"{name}.{n}") for n, order in here if order is not None]


def _keep(batch_id: UUID, chunk: Sequence[OpenItem], outcomes: Sequence[Outcome]) -> None:
    """Store the outcomes of a chunk and keep the claim. An outage is no outcome: it is raised, nothing is stored."""
    rows = []
    for item, outcome in zip(chunk, outcomes, strict=True):
        if isinstance(outcome, Unavailable | OutcomeUnknown):
            raise outcome
        status, text = _shown(batch_id, item, outcome)
        rows.append((item.id.bytes, status, text, 0))

    def work(tx: Transaction) -> None:
        tx.update("payments_batch_item", ("status", "outcome"), rows, guard=("status",))
        done = PaymentBatchItem.objects.filter(batch_id=batch_id).exclude(status=0).count()
        PaymentBatch.objects.filter(id=batch_id).update(done=done, claimed_until=tx.read_clock() + CLAIM)

    transactions.run(work)


def _finish(batch_id: UUID) -> None:
    def work(tx: Transaction) -> None:
        found = PaymentBatch.objects.filter(id=batch_id, finished_at=None)
        found.update(finished_at=tx.read_clock(), done=PaymentBatchItem.objects.filter(batch_id=batch_id).count())

    transactions.run(work)


def _shown(batch_id: UUID, item: OpenItem, outcome: Outcome) -> tuple[int, str]:
    """Return status and document of an item's outcome: the payment's id, or code and detail of the problem."""
    if isinstance(outcome, Answer):
        status, document = outcome.status, outcome.document()
    else:
        status, document = outcome.status, outcome.problem(request_id=f"{batch_id}-{item.n}")
    names = ("id", "state") if status < 400 else ("code", "detail", "errors")
    return status, compact_json.dumps({name: document[name] for name in names if name in document})


def _stored(order: PaymentOrder) -> dict[str, Any]:
    hold_for_s = None if order.hold_for is None else order.hold_for.total_seconds()
    return {
        "payee": order.payee,
        "money": asdict(order.money),
        "note": order.note,
        "reference": order.reference,
        "metadata": order.metadata,
        "hold_for_s": hold_for_s,
        "fingerprint": order.fingerprint.hex(),
    }


def _read_back(said: str, *, key: str, by: Caller, request_id: str) -> PaymentOrder:
    stored = json.loads(said)
    hold_for_s = stored["hold_for_s"]
    return PaymentOrder(
        party_id=by.party_id,
        key=key,
        fingerprint=bytes.fromhex(stored["fingerprint"]),
        request_id=request_id,
        by=by,
        payee=stored["payee"],
        money=Money(**stored["money"]),
        note=stored["note"],
        reference=stored["reference"],
        metadata=stored["metadata"],
        hold_for=None if hold_for_s is None else timedelta(seconds=hold_for_s),
    )


def batch_order(*, by: Caller, key: str, items: Sequence[BatchItem], request_id: str) -> BatchOrder:
    """Return the order of a batch, with the fingerprint of its content."""
    said = [[one.key, one.order.fingerprint.hex() if one.order else one.problem] for one in items]
    return BatchOrder(
        party_id=by.party_id, key=key, fingerprint=fingerprint("v1", said), request_id=request_id, by=by, items=items
    )


submit_batch = SubmitBatch()
