"""The group-commit lane: one writer thread per process that carries out what waits, many items in one transaction.

There is no timer: an idle lane answers at once, a busy one batches by itself, because items pile up while a
transaction commits. A hot account is therefore no problem: a thousand payments to one merchant are one lock and one
balance update.
"""

import asyncio
import atexit
import queue
import threading
import time
from asyncio import AbstractEventLoop
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
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

PASSING_S = 0.002
"""How often somebody who lets it pass looks whether it has."""

_log = structlog.get_logger(__name__)


LoopFuture = asyncio.Future[Answer]


@dataclass(slots=True)
class _Waiting:
    """An item in the queue, the future of who waits in a thread or on an event loop, and its deadline.

    The deadline is until when it may be carried out, in monotonic seconds.
    """

    operation: Operation[Any]
    item: Any
    future: "Future[Answer] | LoopFuture"
    deadline: float
    passed_over: bool = False

    def claim(self) -> bool:
        """Tell whether the item is to be carried out: not if somebody cancelled its future in time.

        After that a client who leaves can neither undo a posted payment nor kill the lane's thread. Who waits on an
        event loop can never cancel: a client who left is only not answered.
        """
        return self.passed_over or not isinstance(self.future, Future) or self.future.set_running_or_notify_cancel()


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
        future: Future[Answer] = Future()
        self._enqueue(_Waiting(operation, item, future, time.monotonic() + self.deadline_s))
        return future

    async def answer(self, operation: Operation[I], item: I) -> Answer:
        """Queue an item and wait for its answer on the event loop; raises what `call` raises.

        A client who leaves does not undo a posted payment; a lane that hangs does not keep its clients for ever.
        """
        loop = asyncio.get_running_loop()
        future: LoopFuture = loop.create_future()
        self._enqueue(_Waiting(operation, item, future, time.monotonic() + self.deadline_s))
        give_up = loop.call_later(self.wait_s, _land, [(future, OutcomeUnknown())])
        try:
            return await future
        finally:
            give_up.cancel()

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

    def let_pass(self, *, at_most_s: float) -> None:
        """Wait until it has nothing to do, or so many seconds: for whoever would hold for long what it needs, too."""
        give_up_at = time.monotonic() + at_most_s
        while self._has_work() and time.monotonic() < give_up_at:
            time.sleep(PASSING_S)

    def _has_work(self) -> bool:
        return self._busy_since is not None or bool(self._passed_over) or not self._queue.empty()

    def close(self) -> None:
        """Carry out what waits and end the thread; called when the process ends."""
        if self._thread is not None and self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(timeout=self.deadline_s)

    def _enqueue(self, waiting: _Waiting) -> None:
        self._start()
        try:
            self._queue.put_nowait(waiting)
        except queue.Full:
            raise Overloaded from None

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
        done: list[tuple[_Waiting, batch.Outcome]] = []
        for entry in waiting:
            if not entry.claim():
                continue
            if now > entry.deadline:
                done.append((entry, Overloaded("The request waited too long and was not carried out.")))
            else:
                claimed.append(entry)
        outcomes = self._outcomes(operation, claimed)
        now = time.monotonic()
        for entry, outcome in zip(claimed, outcomes, strict=True):
            if isinstance(outcome, RowLocked) and now < entry.deadline:
                # One stuck row must not stall the others: they go on, and this one is tried again beside them.
                entry.passed_over = True
                self._passed_over.append(entry)
            else:
                done.append((entry, outcome))
        _settle(done)

    @staticmethod
    def _outcomes(operation: Operation[Any], entries: Sequence[_Waiting]) -> Sequence[batch.Outcome]:
        if not entries:
            return []
        try:
            skip_locked = any(entry.passed_over for entry in entries)
            return batch.run(operation, [entry.item for entry in entries], skip_locked=skip_locked)
        except BaseException:
            _log.exception("lane_failed", operation=operation.name)
            return [InternalError()] * len(entries)


def _by_operation(waiting: list[_Waiting]) -> list[tuple[Operation[Any], list[_Waiting]]]:
    groups: dict[str, tuple[Operation[Any], list[_Waiting]]] = {}
    for entry in waiting:
        groups.setdefault(entry.operation.name, (entry.operation, []))[1].append(entry)
    return list(groups.values())


def _settle(done: Sequence[tuple[_Waiting, batch.Outcome]]) -> None:
    """Tell those who wait; an event loop is woken once for all of its own."""
    of_loops: defaultdict[AbstractEventLoop, list[tuple[LoopFuture, batch.Outcome]]] = defaultdict(list)
    for entry, outcome in done:
        if not isinstance(entry.future, Future):
            of_loops[entry.future.get_loop()].append((entry.future, outcome))
        elif isinstance(outcome, Answer):
            entry.future.set_result(outcome)
        else:
            entry.future.set_exception(outcome)
    for loop, landing in of_loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits on it any more
            loop.call_soon_threadsafe(_land, landing)


def _land(landing: Sequence[tuple[LoopFuture, batch.Outcome]]) -> None:
    """Give futures of this loop their outcomes; some of them may have been given up."""
    for future, outcome in landing:
        if future.done():
            continue
        if isinstance(outcome, Answer):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)


lane = Lane(queue_max=settings.LANE_QUEUE_MAX, deadline_s=settings.LANE_DEADLINE_S)
