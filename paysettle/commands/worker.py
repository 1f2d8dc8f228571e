"""The worker: all that happens after an event is written, in one process.

Each part has a thread and a database connection of its own. A part that fails tries again, more and more slowly; it
ends neither the process nor the other parts.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType

import structlog
from django.conf import settings
from django.db import connections

from paysettle.events.consumers import registered
from paysettle.events.dispatch import Dispatcher
from paysettle.events.kafka.relay import Relay
from paysettle.events.kafka.subscription import Subscription
from paysettle.events.parts import Outage, Part
from paysettle.events.queries import oldest_unhandled
from paysettle.kernel.errors import OutcomeUnknown, Unavailable
from paysettle.kernel.jobs import JobRunner
from paysettle.notifications.mail.sender import MailSender
from paysettle.payments.bulk_runner import Resumer

IDLE_WAIT_S = 0.2
BACKOFF_S_MAX = 10.0
END_WAIT_S = 8.0

PARTS: dict[str, Callable[[], list[Part]]] = {
    "dispatch": lambda: [Dispatcher(consumer) for consumer in registered()],
    "relay": lambda: [Relay()],
    "consume": lambda: [Subscription(consumer) for consumer in registered()],
    "mail": lambda: [MailSender()],
    "jobs": lambda: [JobRunner()],
    "bulk": lambda: [Resumer()],
}
"""What a worker can do.

`dispatch` is the bus in this process, `relay` and `consume` are the one over Kafka; `jobs` does what comes round by
itself, `bulk` finishes payment batches that were interrupted.
"""

_log = structlog.get_logger(__name__)


def duties() -> list[str]:
    """Return the names of the parts that this installation needs."""
    bus = ["relay", "consume"] if settings.KAFKA_BOOTSTRAP_SERVERS else ["dispatch"]
    return [*bus, "mail", "jobs", "bulk"]


def run(names: Iterable[str]) -> None:
    """Run parts until SIGTERM or SIGINT arrives; called in the main thread."""
    stop = threading.Event()
    asked: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        asked.append(number)  # no lock: a handler that sets an event waits for ever on a lock its own thread holds

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    parts = [part for name in names for part in PARTS[name]()]
    threads = [threading.Thread(target=_work, args=(part, stop), name=part.name, daemon=True) for part in parts]
    _log.info("worker_started", parts=[part.name for part in parts])
    for thread in threads:
        thread.start()
    try:
        while not asked:
            time.sleep(IDLE_WAIT_S)
    finally:
        stop.set()
        end_at = time.monotonic() + END_WAIT_S
        for thread in threads:
            thread.join(max(0.0, end_at - time.monotonic()))
        for number, handler in before.items():
            signal.signal(number, handler)
    late = [thread.name for thread in threads if thread.is_alive()]
    _log.info("worker_ended", late=late)


def run_until_idle(timeout_s: float, names: Iterable[str] = ()) -> None:
    """Run parts in this thread until nothing is left to do; raise TimeoutError after `timeout_s`.

    For the demo and for tests. Messages that wait for another try are not waited for.
    """
    parts = [part for name in names or duties() for part in PARTS[name]()]
    give_up_at = time.monotonic() + timeout_s
    try:
        while _round(parts, give_up_at) or _unhandled():
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"There is still work to do after {timeout_s} s.")
            time.sleep(0.01)  # another worker may be at it
    finally:
        for part in parts:
            part.close()


def _round(parts: list[Part], give_up_at: float) -> bool:
    """Let every part do what is there for it; return whether there was anything."""
    busy = False
    for part in parts:
        while part.step() and time.monotonic() < give_up_at:
            busy = True
    return busy


def _unhandled() -> bool:
    return any(oldest_unhandled(consumer) for consumer in registered())


def _work(part: Part, stop: threading.Event) -> None:
    backoff_s = IDLE_WAIT_S
    while not stop.is_set():
        try:
            busy = part.step()
        except Exception as error:
            expected = isinstance(error, Outage | Unavailable | OutcomeUnknown)
            _log.log(
                logging.WARNING if expected else logging.ERROR,
                "part_failed",
                part=part.name,
                again_in_s=backoff_s,
                error=f"{type(error).__name__}: {error}",
                exc_info=None if expected else error,
            )
            _close(part)
            stop.wait(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)
            continue
        backoff_s = IDLE_WAIT_S
        if not busy:
            stop.wait(IDLE_WAIT_S)
    _close(part)


def _close(part: Part) -> None:
    """Let go of everything, so that the next step begins with fresh connections."""
    try:
        part.close()
    except Exception:
        _log.exception("part_not_closed", part=part.name)
    connections.close_all()
