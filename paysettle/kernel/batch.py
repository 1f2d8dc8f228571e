"""One batch of one operation: lock, read, decide in arrival order, write, commit. One is a batch of one.

An operation brings its own steps (`Operation`, `Book`); the order of the steps, the idempotency keys and what is
stored under them are the same for all and stand here.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID

import structlog
from django.db import Error

from paysettle.kernel import compact_json, transactions
from paysettle.kernel.errors import DomainError, InternalError
from paysettle.kernel.faults import Fault, classify
from paysettle.kernel.idempotency import Answer, Item, Keys
from paysettle.kernel.transactions import Contended, LockWaitTimedOut, Transaction

I = TypeVar("I", bound=Item)  # noqa: E741 - the item of an operation

AHEAD = 100
"""After so many items what they write for good is sent: the database writes it while the next are judged."""

_log = structlog.get_logger(__name__)


class Success(NamedTuple):
    """An item was carried out: the object it made or changed, and the answer."""

    object_id: UUID
    status: int
    document: dict[str, Any]


class Book(ABC, Generic[I]):
    """What one batch of an operation has locked and read, and what it will write."""

    @abstractmethod
    def admit(self, item: I) -> None:
        """Raise a DomainError if this caller may not act at all. Such an answer is never stored."""

    @abstractmethod
    def decide(self, item: I, now: datetime) -> Success:
        """Carry the item out in memory, or raise a DomainError. `now` is the database's time under the locks."""

    def write_ahead(self) -> None:
        """Write the new rows that no later item of the batch changes; `write` leaves them out."""

    @abstractmethod
    def write(self) -> None:
        """Write the rows of all items that were carried out, one statement a table."""


class Operation(ABC, Generic[I]):
    """Something that callers can ask for with a key.

    `name` is the scope of its keys, `prefix` that of the public ids of the objects it makes or changes.
    """

    name: ClassVar[str]
    prefix: ClassVar[str]

    @abstractmethod
    def prepare(self, item: I) -> Any:
        """Look up what never changes and open what is missing, without locks, before the transaction."""

    @abstractmethod
    def open(self, tx: Transaction, prepared: Sequence[tuple[I, Any]]) -> Book[I]:
        """Lock what the batch needs, in the one order of the project, then read it.

        Each item comes with what `prepare` returned for it. The order of locks: business rows (payment, hold,
        settlement), then accounts, then counters of limits; each by primary key, ascending.
        """


Outcome = Answer | DomainError


def run(operation: Operation[I], items: Sequence[I], *, skip_locked: bool = False) -> list[Outcome]:
    """Carry out a batch and return an outcome for each item, in order.

    An outcome is an Answer (stored under the key, refusals too) or a DomainError that is not stored. What goes wrong
    for the batch costs as few items as possible:

    - a deadlock: the batch again, in halves;
    - a row that somebody holds for long: the batch again, passing over what is locked. Its items are RowLocked, and
      may be tried again with `skip_locked`;
    - a key that a twin in another process has stored meanwhile: the batch again, the look-up finds it now;
    - any other error: in halves, until the bad item fails alone.
    """
    try:
        return _run(operation, items, skip_locked=skip_locked)
    except LockWaitTimedOut as error:
        return [error] * len(items) if skip_locked else run(operation, items, skip_locked=True)
    except Contended:
        return _in_halves(operation, items, skip_locked=skip_locked) if len(items) > 1 else _once_more(operation, items)
    except DomainError as error:
        return [error] * len(items)
    except Exception as error:
        if isinstance(error, Error) and classify(error) is Fault.DUPLICATE:
            _log.info("batch_again", operation=operation.name, items=len(items))
            return _once_more(operation, items)
        _log.exception("batch_failed", operation=operation.name, items=len(items))
        return [InternalError()] if len(items) == 1 else _in_halves(operation, items, skip_locked=skip_locked)


def _in_halves(operation: Operation[I], items: Sequence[I], *, skip_locked: bool) -> list[Outcome]:
    middle = len(items) // 2
    return [
        outcome
        for half in (items[:middle], items[middle:])
        for outcome in run(operation, half, skip_locked=skip_locked)
    ]


def _once_more(operation: Operation[I], items: Sequence[I]) -> list[Outcome]:
    """Run a batch patiently: after a deadlock of a single item, or after a key of the batch was taken.

    If that fails too, then item by item; nothing goes round for ever.
    """
    try:
        return _run(operation, items, attempts=transactions.ATTEMPTS_MAX)
    except DomainError as error:
        return [error] * len(items)
    except Exception:
        _log.exception("batch_failed_again", operation=operation.name, items=len(items))
        return [InternalError()] if len(items) == 1 else [o for item in items for o in _once_more(operation, [item])]


def _run(
    operation: Operation[I],
    items: Sequence[I],
    *,
    attempts: int = 1,
    skip_locked: bool = False,
) -> list[Outcome]:
    prepared = transactions.read(lambda: [(item, operation.prepare(item)) for item in items])
    work = partial(_execute, operation, prepared)
    return transactions.run(work, repeatable=True, plain=True, attempts=attempts, skip_locked=skip_locked)


def _execute(operation: Operation[I], prepared: Sequence[tuple[I, Any]], tx: Transaction) -> list[Outcome]:
    items = [item for item, _ in prepared]
    book = operation.open(tx, prepared)
    keys = Keys(tx, operation.name, operation.prefix, items)
    now = tx.ask_clock()()  # the one round trip in which all that was asked comes
    outcomes = []
    for n, item in enumerate(items):
        if n and n % AHEAD == 0:
            with tx.together():
                keys.write()
                book.write_ahead()
        outcomes.append(_decide(book, keys, item, now))
    with tx.together():
        keys.write()
        book.write()
    return outcomes


def _decide(book: Book[I], keys: Keys, item: I, now: datetime) -> Outcome:
    try:
        book.admit(item)
        stored = keys.find(item)
        if stored is not None:
            return stored
        success = book.decide(item, now)
    except DomainError as refusal:
        if not refusal.stored:
            return refusal
        text = compact_json.dumps(refusal.problem(request_id=item.request_id))
        answer = Answer(refusal.status, text, None, item.request_id)
        keys.remember(item, answer, success=False, at=now)
        return answer
    text = compact_json.dumps(success.document)
    answer = Answer(success.status, text, success.object_id, item.request_id, made=success.document)
    keys.remember(item, answer, success=True, at=now)
    return answer
