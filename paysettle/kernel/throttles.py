"""How often somebody may do something: counters that all processes share, and buckets in one process.

A **Limit** allows so much in a window of time, for each subject: a person, an account, an address. Each window has a
counter of its own, in a table or in Redis (`counters.py`); it is raised and judged in one step, so no two attempts, in
whatever processes, are taken for one. It is known by a keyed digest, never by an address or an account.

What is done often is counted in portions, by a thread beside the requests, which never wait for it: a process begins to
spend a portion while that is being counted, and stops when it hears that the limit was reached. So one process holds a
limit exactly, and several exceed it by a portion each at most, as long as the database answers. **Buckets** need no
database and count for one process alone.
"""

import hashlib
import hmac
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import structlog
from django.conf import settings
from django.utils.encoding import force_bytes

from paysettle.kernel import counters
from paysettle.kernel.counters import TABLE, Counters
from paysettle.kernel.errors import DomainError
from paysettle.kernel.jobs import Fence, Job
from paysettle.kernel.models import Throttle
from paysettle.kernel.transactions import Transaction

FORGET_BATCH_MAX = 1000
REMEMBERED_MAX = 100_000
"""How many subjects a process remembers, of each kind."""

_LABEL = b"paysettle.kernel.throttle-subject.v1"

_log = structlog.get_logger(__name__)


class Throttled(DomainError):
    """Too much in too short a time; `retry_after_s`, as the header Retry-After, says how many seconds to wait."""

    code = "throttled"
    status = 429
    title = "Too many requests: wait a moment."
    retryable = True

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(retry_after_s=retry_after_s)


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` in `window_s` seconds, multiplied by THROTTLE_FACTOR; counted one by one, or `portion` at a time."""

    name: str
    most: int
    window_s: int
    portion: int = 1


@dataclass(frozen=True, slots=True)
class Slot:
    """What `take` has counted, one by one."""

    digest: bytes
    counted_in: Counters = TABLE


def take(limit: Limit, subject: str) -> Slot:
    """Count one for a subject; raise Throttled, and count nothing, if there have been as many as the limit allows."""
    window, gone_s = divmod(now_s(), limit.window_s)
    digest = _digest(limit.name, subject, str(int(window)))
    ends_at = datetime.fromtimestamp((window + 1) * limit.window_s, UTC)
    factor = settings.THROTTLE_FACTOR
    if limit.portion > 1:
        slot = Slot(digest)
        granted = _spend(digest, portion=limit.portion * factor, most=limit.most * factor, ends_at=ends_at)
    else:
        count, place = counters.count(digest, by=1, most=limit.most * factor, ends_at=ends_at)
        slot, granted = Slot(digest, place), count == 1
    if not granted:
        raise Throttled(retry_after_s=math.ceil(limit.window_s - gone_s))
    return slot


def take_all(*counted: tuple[Limit, str]) -> list[Slot]:
    """Count one for each limit and its subject, or nothing where one of them is reached; raises Throttled then."""
    slots: list[Slot] = []
    try:
        for limit, subject in counted:
            slots.append(take(limit, subject))
    except Throttled:
        give_back(*slots)
        raise
    return slots


@contextmanager
def taken(*counted: tuple[Limit, str]) -> Iterator[None]:
    """Count what the block does, unless it is refused; raise Throttled as `take` does.

    What failed, or may have, was perhaps done (a DomainError with a status of 500 or more): that stays counted.
    """
    slots = take_all(*counted)
    try:
        yield
    except DomainError as refusal:
        if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            give_back(*slots)
        raise


@contextmanager
def counted_if_wrong(limit: Limit, subject: str) -> Iterator[None]:
    """Count an attempt before the block makes it, and uncount it if nothing is raised there; raise as `take` does."""
    slot = take(limit, subject)
    yield
    give_back(slot)


def give_back(*slots: Slot) -> None:
    """Uncount what turned out not to count, where it was counted."""
    for place in {slot.counted_in for slot in slots}:
        place.uncount([slot.digest for slot in slots if slot.counted_in is place])


def clear(limit: Limit, subject: str) -> None:
    """Let a subject begin anew in this window."""
    counters.clear(_digest(limit.name, subject, str(int(now_s() // limit.window_s))))


def mark(name: str, subject: str, *, life: timedelta) -> None:
    """Note something of a subject for a time, to be asked by `is_marked`."""
    TABLE.mark(_digest(name, subject), ends_at=datetime.fromtimestamp(now_s(), UTC) + life)


def is_marked(name: str, subject: str) -> bool:
    """Tell whether something was noted of a subject and its time has not passed."""
    return TABLE.is_marked(_digest(name, subject), now=datetime.fromtimestamp(now_s(), UTC))


def now_s() -> float:
    """Return the time by which windows begin and end, in seconds: those of all processes must be the same."""
    return time.time()


class Buckets:
    """A bucket of `burst` tokens for each subject, refilled with `rate_per_s`; in this process alone."""

    def __init__(self, *, rate_per_s: int, burst: int) -> None:
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._lock = threading.Lock()
        self._full_at: dict[object, float] = {}

    def take(self, subject: object, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a token; raise Throttled if there is none."""
        factor = settings.THROTTLE_FACTOR
        rate_per_s, burst = self.rate_per_s * factor, self.burst * factor
        now = clock()
        with self._lock:
            # A bucket is known by when it will be full again: one number, and a full one need not be kept at all.
            full_at = max(self._full_at.pop(subject, now), now) + 1 / rate_per_s
            missing = (full_at - now) * rate_per_s - burst
            if missing > 1e-6:
                self._full_at[subject] = full_at - 1 / rate_per_s
                raise Throttled(retry_after_s=max(1, math.ceil(missing / rate_per_s)))
            self._full_at[subject] = full_at
            if len(self._full_at) > REMEMBERED_MAX:
                del self._full_at[next(iter(self._full_at))]  # whoever has been quiet for longest


def forget(fence: Fence) -> bool:
    """Delete a batch of rows whose time has ended; return whether there may be more. Redis forgets by itself."""

    def work(tx: Transaction) -> int:
        ended = Throttle.objects.filter(ends_at__lt=tx.read_clock()).values_list("digest", flat=True)
        return Throttle.objects.filter(digest__in=list(ended[:FORGET_BATCH_MAX])).delete()[0]

    return fence.run(work) == FORGET_BATCH_MAX


FORGET_ENDED = Job("kernel.forget_throttles", "*/10 * * * *", forget)


@dataclass(slots=True)
class _Portions:
    """What this process has spent of a limit, and what it has let be counted."""

    spent: int = 0
    asked: int = 0
    reached: bool = False


_portions: dict[bytes, _Portions] = {}
_lock = threading.Lock()
_counter = ThreadPoolExecutor(1, thread_name_prefix="throttles")


def _digest(*parts: str) -> bytes:
    # Keyed: the addresses of the world are few enough to try them all.
    key = hmac.digest(force_bytes(settings.SECRET_KEY), _LABEL, hashlib.sha256)
    return hmac.digest(key, "\0".join(parts).encode(), hashlib.sha256)


def _spend(digest: bytes, *, portion: int, most: int, ends_at: datetime) -> bool:
    """Spend one, if all processes together have not reached the limit as far as is known here."""
    with _lock:
        known = _portions.setdefault(digest, _Portions())
        if known.reached or known.spent >= most:
            return False
        known.spent += 1
        if known.spent <= known.asked:
            return True
        known.asked += portion
        if len(_portions) > REMEMBERED_MAX:
            del _portions[next(iter(_portions))]
    _counter.submit(_count_portion, digest, known, portion, most, ends_at)
    return True


def _count_portion(digest: bytes, known: _Portions, portion: int, most: int, ends_at: datetime) -> None:
    try:
        granted, _ = counters.count(digest, by=portion, most=most, ends_at=ends_at)
        known.reached = granted < portion
    except Exception:
        _log.exception("portion_not_counted")  # who waits for the database is not kept out by a throttle
