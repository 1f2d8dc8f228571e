"""Many payments in one call, each with a key and an outcome of its own.

The batch and its orders are stored first, in parts, then carried out part by part, each in one transaction. An order's
effect is protected by its own key, the same that a single payment would use: whatever is carried out again changes
nothing and gets the same outcome. So a batch that was interrupted is simply carried out again from its first open part;
the claim on a batch only saves two processes from doing the same work.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from paysettle.identity import step_up
from paysettle.identity.caller import Caller
from paysettle.identity.roles import Permission
from paysettle.identity.standing import Standing
from paysettle.kernel import batch, compact_json, identifiers, transactions
from paysettle.kernel.batch import Book, Operation, Outcome, Success
from paysettle.kernel.errors import OutcomeUnknown, Unavailable
from paysettle.kernel.idempotency import Answer, Item, fingerprint
from paysettle.kernel.lane import lane
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Transaction
from paysettle.payments import queries
from paysettle.payments.models import PaymentBatch, PaymentBatchPart
from paysettle.payments.operations.send import PaymentOrder, send_payment

ITEMS_MAX = 10_000
PART_ITEMS_MAX = 500
CLAIM = timedelta(seconds=30)

LET_PASS_S = 0.2
"""For how long a part waits for the payments of others that wait: some as long as it holds their wallets itself."""

PROBLEM_MEMBERS = ("code", "detail", "retryable", "object_id", "errors")
"""What of a problem document stands in the outcome of an item."""

_BATCH_COLUMNS = (
    "id",
    "party_id",
    "user_id",
    "key_id",
    "total",
    "done",
    "claimed_until",
    "created_at",
    "finished_at",
)
_PART_COLUMNS = ("id", "batch_id", "first", "last", "orders", "is_open", "succeeded", "refused", "outcomes")


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
    batch_id: UUID
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
        self._parts: list[tuple[Any, ...]] = []

    def admit(self, item: BatchOrder) -> None:
        self._standing.admit(item.by, Permission.PAY)

    def decide(self, item: BatchOrder, now: datetime) -> Success:
        # Here and not item by item: they are carried out without the session, perhaps after it.
        if any(map(step_up.concerns, _sums_minor(item.items))):
            self._standing.check_fresh(item.by, now)
        user_id, total = item.by.user_id or identifiers.SYSTEM, len(item.items)
        times = (self._tx.time(now + CLAIM), self._tx.time(now))
        key_id = None if item.by.key_id is None else item.by.key_id.bytes
        whose = (item.batch_id.bytes, item.party_id.bytes, user_id.bytes, key_id)
        self._batches.append((*whose, total, 0, *times, None))
        for first in range(0, total, PART_ITEMS_MAX):
            items = item.items[first : first + PART_ITEMS_MAX]
            orders = compact_json.dumps([_stored(one) for one in items])
            part_id, last = identifiers.new(), first + len(items) - 1
            self._parts.append((part_id.bytes, item.batch_id.bytes, first, last, orders, True, 0, 0, ""))
        return Success(item.batch_id, HTTPStatus.ACCEPTED, {"id": identifiers.show("bat", item.batch_id)})

    def write(self) -> None:
        self._tx.insert("payments_batch", _BATCH_COLUMNS, self._batches)
        self._tx.insert("payments_batch_part", _PART_COLUMNS, self._parts)


def carry_out(batch_id: UUID, order: BatchOrder | None = None) -> None:
    """Carry out the open parts of a batch, one after the other, and finish it.

    `order` is the batch as it came in; without it, it is read back. Raises Unavailable or OutcomeUnknown when the
    database goes away; the worker then carries on later.
    """
    found = PaymentBatch.objects.get(id=batch_id)
    # The session in which it was accepted may end; a key is asked about again for each part, as is the person.
    caller = Caller(party_id=found.party_id, user_id=found.user_id, key_id=found.key_id)
    for part in queries.open_parts(batch_id):
        lane.let_pass(at_most_s=LET_PASS_S)
        items = _read_back(part, caller) if order is None else order.items[part.first : part.last + 1]
        outcomes = iter(batch.run(send_payment, [item.order for item in items if item.order is not None]))
        _keep(part, items, outcomes)
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


def _sums_minor(items: Sequence[BatchItem]) -> Iterable[int]:
    """Return what the orders add up to in each of their currencies: a large amount is large in small parts, too."""
    sums: dict[str, int] = defaultdict(int)
    for item in items:
        if item.order is not None:
            sums[item.order.money.currency] += item.order.money.amount_minor
    return sums.values()


def _keep(part: PaymentBatchPart, items: Sequence[BatchItem], outcomes: Iterator[Outcome]) -> None:
    """Store the outcomes of a part and keep the claim. An outage is no outcome: it is raised, nothing is stored."""
    shown = [
        _problem(n, item.key, item.problem) if item.problem is not None else _shown(n, item.key, next(outcomes))
        for n, item in enumerate(items, start=part.first)
    ]
    succeeded = sum(one["problem"] is None for one in shown)
    text = compact_json.dumps(shown)

    def work(tx: Transaction) -> None:
        mine = PaymentBatchPart.objects.filter(id=part.id, is_open=True)
        mine.update(is_open=False, succeeded=succeeded, refused=len(shown) - succeeded, outcomes=text)
        of_batch = PaymentBatch.objects.filter(id=part.batch_id, done__lte=part.last)  # a twin may be further on
        of_batch.update(done=part.last + 1, claimed_until=tx.read_clock() + CLAIM)

    transactions.run(work)


def _finish(batch_id: UUID) -> None:
    def work(tx: Transaction) -> None:
        PaymentBatch.objects.filter(id=batch_id, finished_at=None).update(finished_at=tx.read_clock())

    transactions.run(work)


def _shown(n: int, key: str, outcome: Outcome) -> dict[str, Any]:
    """Return an item and its outcome: the payment, or code and detail of the problem."""
    if isinstance(outcome, Unavailable | OutcomeUnknown):
        raise outcome
    if not isinstance(outcome, Answer):
        return _problem(n, key, outcome.problem(request_id=""))
    if outcome.object_id is None:
        return _problem(n, key, outcome.document())
    document = outcome.document()
    payment, state = document["id"], document["state"]
    return {"n": n, "key": key, "status": outcome.status, "payment": payment, "state": state, "problem": None}


def _problem(n: int, key: str, document: dict[str, Any]) -> dict[str, Any]:
    problem = {name: document[name] for name in PROBLEM_MEMBERS if name in document}
    return {"n": n, "key": key, "status": document["status"], "payment": None, "state": None, "problem": problem}


def _stored(item: BatchItem) -> dict[str, Any]:
    order = item.order
    if order is None:
        return {"key": item.key, "problem": item.problem}
    return {
        "key": item.key,
        "payee": order.payee,
        "amount_minor": order.money.amount_minor,
        "currency": order.money.currency,
        "note": order.note,
        "reference": order.reference,
        "metadata": order.metadata,
        "hold_for_s": None if order.hold_for is None else order.hold_for.total_seconds(),
        "fingerprint": order.fingerprint.hex(),
        "request_id": order.request_id,
    }


def _read_back(part: PaymentBatchPart, by: Caller) -> list[BatchItem]:
    """Return the items of a part as they came in."""
    return [_item(stored, by) for stored in json.loads(part.orders)]


def _item(stored: dict[str, Any], by: Caller) -> BatchItem:
    if "problem" in stored:
        return BatchItem(stored["key"], None, stored["problem"])
    hold_for_s = stored["hold_for_s"]
    order = PaymentOrder(
        party_id=by.party_id,
        key=stored["key"],
        fingerprint=bytes.fromhex(stored["fingerprint"]),
        request_id=stored["request_id"],
        by=by,
        payee=stored["payee"],
        money=Money(stored["amount_minor"], stored["currency"]),
        note=stored["note"],
        reference=stored["reference"],
        metadata=stored["metadata"],
        hold_for=None if hold_for_s is None else timedelta(seconds=hold_for_s),
    )
    return BatchItem(stored["key"], order, None)


def batch_order(*, by: Caller, key: str, items: Sequence[BatchItem], request_id: str, batch_id: UUID) -> BatchOrder:
    """Return the order of a batch, with the fingerprint of its content. `batch_id` is the id that it gets if it is new.

    The orders in it are carried out for whoever they name: without a session, since they outlive it.
    """
    said = [[one.key, one.order.fingerprint.hex() if one.order else one.problem] for one in items]
    return BatchOrder(
        party_id=by.party_id,
        key=key,
        fingerprint=fingerprint("v1", said),
        request_id=request_id,
        by=by,
        batch_id=batch_id,
        items=items,
    )


submit_batch = SubmitBatch()
