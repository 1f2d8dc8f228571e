"""The group-commit lane: one writer thread per process that carries out what waits, many items in one transaction.

There is no timer: an idle lane answers at once, a busy one batches by itself, because items pile up while a
transaction commits. A hot account is therefore no problem: a thousand payments to one merchant are one lock and one
balance update.
"""

import atexit
import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import connections

from paysettle.kernel import batch, transactions
from paysettle.kernel.batch import I, Operation
from paysettle.kernel.errors import InternalError, OutcomeUnknown, Overloaded
from paysettle.kernel.idempotency import Answer
from paysettle.kernel.transactions import RowLocked

BATCH_MAX = 256

LOCKED_WAIT_S = 0.02
"""How long the lane rests when all that waits is locked by somebody else."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    """An item in the queue, its future, and until when it may be carried out (monotonic seconds)."""

    operation: Operation[Any]
    item: Any
    future: "Future[Answer]"
    deadline: float
    passed_over: bool = False


class Lane:
    """A bounded queue and the thread that empties it."""

    def __init__(self, *, queue_max: int, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(maxsize=queue_max)
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._busy_since: float | None = None
        self._passed_over: list[_Waiting] = []

    def submit(self, operation: Operation[I], item: I) -> "Future[Answer]":
        """Queue an item and return its future: an Answer after COMMIT, or a DomainError that is not stored.

        Raises Overloaded when the queue is full, RuntimeError inside a transaction (the lane would wait for locks
        that the caller holds while the caller waits for the lane).
        """
        if transactions.is_open():
            raise RuntimeError("The lane cannot be called inside a transaction.")
        self._start()
        future: Future[Answer] = Future()
        try:
            self._queue.put_nowait(_Waiting(operation, item, future, time.monotonic() + self.deadline_s))
        except queue.Full:
            raise Overloaded from None
        return future

    def call(self, operation: Operation[I], item: I) -> Answer:
        """Queue an item and wait for its answer; raises what `submit` and its future raise."""
        future = self.submit(operation, item)
        try:
            return future.result(timeout=self.wait_s)
        except TimeoutError:
            raise OutcomeUnknown from None

    @property
    def wait_s(self) -> float:
        """How long an answer can take at most, in seconds; after that the outcome is unknown."""
        return self.deadline_s + transactions.PATIENCE_S

    def state(self) -> str:
        """Return `not started`, `alive`, `stuck` (one batch takes longer than any deadline) or `dead`."""
        if self._thread is None:
            return "not started"
        if not self._thread.is_alive():
            return "dead"
        busy_since = self._busy_since
        if busy_since is not None and time.monotonic() - busy_since > self.wait_s:
            return "stuck"
        return "alive"

    def close(self) -> None:
        """Carry out what waits and end the thread; called when the process ends."""
        if self._thread is not None and self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(timeout=self.deadline_s)

    def _start(self) -> None:
        if self._thread is not None:
            return
        with self._start_lock:
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="lane", daemon=True)
                thread.start()
                self._thread = thread
                atexit.register(self.close)

    def _work(self) -> None:
        while True:
            waiting, ended = self._drain()
            again, self._passed_over = self._passed_over, []
            for operation, members in _by_operation(waiting + again):
                self._busy_since = time.monotonic()
                self._carry_out(operation, members)
            self._busy_since = None
            if ended and not self._passed_over:
                connections.close_all()
                return

    def _drain(self) -> tuple[list[_Waiting], bool]:
        """Wait for the first item, then take what else is there; tell whether the lane is to end.

        While items were passed over because their rows are locked, nobody is waited for longer than a moment.
        """
        waiting: list[_Waiting] = []
        try:
            entry = self._queue.get(timeout=LOCKED_WAIT_S if self._passed_over else None)
            while entry is not None:
                waiting.append(entry)
                if len(waiting) == BATCH_MAX:
                    return waiting, False
                entry = self._queue.get_nowait()
        except queue.Empty:
            return waiting, False
        if self._passed_over:
            self._queue.put(None)  # the end comes after them
        return waiting, True

    def _carry_out(self, operation: Operation[Any], waiting: list[_Waiting]) -> None:
        now = time.monotonic()
        claimed: list[_Waiting] = []
        for entry in waiting:
            # Claiming first: a client who left can neither undo a posted payment nor kill this thread.
            if not entry.passed_over and not entry.future.set_running_or_notify_cancel():
                continue
            if now > entry.deadline:
                entry.future.set_exception(Overloaded("The request waited too long and was not carried out."))
            else:
                claimed.append(entry)
        if not claimed:
            return
        try:
            skip_locked = any(entry.passed_over for entry in claimed)
            outcomes = batch.run(operation, [entry.item for entry in claimed], skip_locked=skip_locked)
        except BaseException:
            _log.exception("lane_failed", operation=operation.name)
            outcomes = [InternalError()] * len(claimed)
        for entry, outcome in zip(claimed, outcomes, strict=True):
            self._resolve(entry, outcome)

    def _resolve(self, entry: _Waiting, outcome: batch.Outcome) -> None:
        if isinstance(outcome, Answer):
            entry.future.set_result(outcome)
        elif isinstance(outcome, RowLocked) and time.monotonic() < entry.deadline:
            # One stuck row must not stall the others: they go on, and this one is tried again beside them.
            entry.passed_over = True
            self._passed_over.append(entry)
        else:
            entry.future.set_exception(outcome)


def _by_operation(waiting: list[_Waiting]) -> list[tuple[Operation[Any], list[_Waiting]]]:
    groups: dict[str, tuple[Operation[Any], list[_Waiting]]] = {}
    for entry in waiting:
        groups.setdefault(entry.operation.name, (entry.operation, []))[1].append(entry)
    return list(groups.values())


lane = Lane(queue_max=settings.LANE_QUEUE_MAX, deadline_s=settings.LANE_DEADLINE_S)
