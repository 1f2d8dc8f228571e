"""Counting: exact under parallel attempts, in portions, over windows; what is given back; buckets."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
import redis
from django.conf import settings
from django.db import connections
from django.test import override_settings

from paysettle.kernel import counters, jobs, throttles
from paysettle.kernel.counters import TABLE, Counters
from paysettle.kernel.jobs import Fence
from paysettle.kernel.models import ScheduledJob, Throttle
from paysettle.kernel.redis_counters import PREFIX
from paysettle.kernel.throttles import Buckets, Limit, Throttled
from tests.throttled import PLACES, Clock, as_another_process, as_in_production, counting_in, somebody, taken

FIVE = Limit("test.five", 5, 300)
IN_PORTIONS = Limit("test.portions", 20, 300, portion=4)


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    with as_in_production() as found:
        yield found


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    """Count in the table, then in Redis."""
    with counting_in(request.param):
        yield request.param


WHEREVER_IS_COUNTED = pytest.mark.usefixtures("place")


def taken_at_once(limit: Limit, subject: str, times: int) -> int:
    def one(_n: int) -> int:
        try:
            return taken(limit, subject, 1)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(one, range(times)))


@pytest.mark.money
@WHEREVER_IS_COUNTED
def test_so_many_and_no_more(clock: Clock) -> None:
    ana, ben = somebody(), somebody()
    assert taken(FIVE, ana, 8) == 5
    assert taken(FIVE, ben, 1) == 1, "others have their own"
    clock.now_s += 200.5
    with pytest.raises(Throttled) as refusal:
        throttles.take(FIVE, ana)
    assert refusal.value.members["retry_after_s"] == 100
    clock.now_s += 100
    assert taken(FIVE, ana, 8) == 5, "a new window"


@pytest.mark.money
@WHEREVER_IS_COUNTED
def test_attempts_at_once_are_all_counted() -> None:
    assert taken_at_once(FIVE, somebody(), 40) == 5
    assert taken_at_once(IN_PORTIONS, somebody(), 60) == 20


def test_control_a_count_that_is_read_and_then_written_lets_more_through(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: what was read is judged, and written back after all have read it."""
    meeting = threading.Barrier(8)

    def read(digest: bytes) -> int:
        if place == "redis":
            return int(_redis().get(PREFIX + digest.hex()))
        return Throttle.objects.get(digest=digest).used

    def write(digest: bytes, used: int) -> None:
        if place == "redis":
            _redis().set(PREFIX + digest.hex(), used, ex=300)
        else:
            Throttle.objects.filter(digest=digest).update(used=used)

    def read_then_write(digest: bytes, *, by: int, most: int, ends_at: datetime) -> tuple[int, Counters]:  # noqa: ARG001
        used = read(digest)
        with suppress(threading.BrokenBarrierError):
            meeting.wait(timeout=5)
        write(digest, used + by)
        return (by if used + by <= most else 0), TABLE

    ana = somebody()
    throttles.take(FIVE, ana)  # the counter is there
    monkeypatch.setattr(counters, "count", read_then_write)
    assert taken_at_once(FIVE, ana, 8) > 4


def _redis() -> Any:
    return redis.Redis.from_url(settings.REDIS_URL)


@pytest.mark.money
@WHEREVER_IS_COUNTED
def test_what_is_refused_does_not_count() -> None:
    ana = somebody()
    slots = [throttles.take(FIVE, ana) for _ in range(5)]
    assert taken(FIVE, ana, 3) == 0
    throttles.give_back(slots[0])
    assert taken(FIVE, ana, 3) == 1


@pytest.mark.money
@WHEREVER_IS_COUNTED
def test_a_process_counts_by_portions_and_holds_the_limit_exactly() -> None:
    ana = somebody()
    with patch.object(counters, "count", wraps=counters.count) as asked:
        assert taken(IN_PORTIONS, ana, 4) == 4
        assert _counted(asked) == 1
        assert taken(IN_PORTIONS, ana, 30) == 16
        assert _counted(asked) == 5, "who floods is not asked about again"


@pytest.mark.money
@WHEREVER_IS_COUNTED
def test_processes_together_exceed_a_limit_by_a_portion_each_at_most() -> None:
    ana = somebody()
    through = []
    for _ in range(9):
        as_another_process()
        through.append(taken(IN_PORTIONS, ana, 3))
    assert through[:5] == [3] * 5, "five portions of four are the limit"
    assert all(count <= IN_PORTIONS.portion for count in through[5:])
    assert _is_reached(ana)


def test_nobody_waits_for_a_database_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frequent things are counted beside the requests: a lane that is full still refuses at once."""
    ana, free = somebody(), threading.Event()
    count = counters.count

    def hanging(digest: bytes, *, by: int, most: int, ends_at: datetime) -> tuple[int, Counters]:
        assert free.wait(timeout=30)
        return count(digest, by=by, most=most, ends_at=ends_at)

    monkeypatch.setattr(counters, "count", hanging)
    assert taken(IN_PORTIONS, ana, 30) == 20, "what this process has spent is held without the database"
    free.set()
    assert _is_reached(ana) is False, "and is counted in the end"


def test_a_database_that_fails_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> int:
        raise RuntimeError("away")

    monkeypatch.setattr(counters, "count", failing)
    assert taken(IN_PORTIONS, somebody(), 30) == 20


def _counted(asked: Any) -> int:
    throttles._counter.submit(lambda: None).result()
    return int(asked.call_count)


def _is_reached(subject: str) -> bool:
    """Tell whether this process has heard that the limit was reached."""
    throttles._counter.submit(lambda: None).result()
    digest = throttles._digest(IN_PORTIONS.name, subject, str(int(throttles.now_s() // IN_PORTIONS.window_s)))
    return throttles._portions[digest].reached


@pytest.mark.money
def test_a_mark_lasts_as_long_as_it_is_to(clock: Clock) -> None:
    ana = somebody()
    assert not throttles.is_marked("test", ana)
    for _ in range(2):
        throttles.mark("test", ana, life=timedelta(days=1))
    assert throttles.is_marked("test", ana)
    assert not throttles.is_marked("other", ana)
    clock.now_s += 86_401
    assert not throttles.is_marked("test", ana)


@pytest.mark.money
@WHEREVER_IS_COUNTED
def test_beginning_anew() -> None:
    ana = somebody()
    assert taken(FIVE, ana, 6) == 5
    throttles.clear(FIVE, ana)
    assert taken(FIVE, ana, 6) == 5


@WHEREVER_IS_COUNTED
def test_the_factor_multiplies() -> None:
    with override_settings(THROTTLE_FACTOR=3):
        assert taken(FIVE, somebody(), 20) == 15
        assert taken(IN_PORTIONS, somebody(), 80) == 60


@pytest.mark.money
def test_no_subject_is_where_is_counted(place: str) -> None:
    """Not even its plain digest: there are few enough addresses to try them all."""
    address = "198.51.100.77"
    throttles.take(FIVE, address)
    digests = _digests(place)
    assert throttles._digest(FIVE.name, address, str(int(throttles.now_s() // 300))) in digests
    assert hashlib.sha256(address.encode()).digest() not in digests
    with override_settings(SECRET_KEY="another " * 8):
        assert throttles._digest(FIVE.name, address) != throttles._digest("x", address)
        assert taken(FIVE, address, 1) == 1


def _digests(place: str) -> list[bytes]:
    if place == "redis":
        return [bytes.fromhex(key.decode().removeprefix(PREFIX)) for key in _redis().scan_iter(f"{PREFIX}*")]
    return [bytes(digest) for digest in Throttle.objects.values_list("digest", flat=True)]


@pytest.mark.money
def test_counters_whose_window_has_ended_are_deleted() -> None:
    ended, running = somebody(), somebody()
    throttles.take(FIVE, running)
    past = datetime.now(UTC) - timedelta(seconds=1)
    TABLE.count(throttles._digest(ended), by=1, most=5, ends_at=past)
    ScheduledJob.objects.update_or_create(
        name=throttles.FORGET_ENDED.name,
        defaults={"next_run_at": past, "held_until": past},
    )
    fence = jobs.claim(throttles.FORGET_ENDED)
    assert isinstance(fence, Fence)
    while throttles.forget(fence):
        pass
    assert not Throttle.objects.filter(digest=throttles._digest(ended)).exists()
    assert Throttle.objects.filter(ends_at__gt=datetime.now(UTC)).exists()


class TestBuckets:
    """A burst, then so many a second."""

    @staticmethod
    def _taken(buckets: Buckets, subject: Any, times: int, now: float) -> int:
        count = 0
        for _ in range(times):
            with suppress(Throttled):
                buckets.take(subject, lambda: now)
                count += 1
        return count

    def test_a_burst_and_then_the_rate(self) -> None:
        buckets = Buckets(rate_per_s=10, burst=30)
        assert self._taken(buckets, "ana", 100, 0.0) == 30
        assert self._taken(buckets, "ben", 100, 0.0) == 30
        assert self._taken(buckets, "ana", 100, 0.5) == 5
        assert self._taken(buckets, "ana", 100, 100.0) == 30

    def test_it_says_how_long_to_wait(self) -> None:
        buckets = Buckets(rate_per_s=1, burst=1)
        buckets.take("ana", lambda: 0.0)
        with pytest.raises(Throttled) as refusal:
            buckets.take("ana", lambda: 0.0)
        assert refusal.value.members["retry_after_s"] == 1
        buckets.take("ana", lambda: 1.0)

    def test_its_memory_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(throttles, "REMEMBERED_MAX", 10)
        buckets = Buckets(rate_per_s=1, burst=5)
        for n in range(50):
            buckets.take(n, lambda: 0.0)
        assert len(buckets._full_at) == 10

    def test_threads_share_it(self) -> None:
        buckets = Buckets(rate_per_s=1, burst=100)
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(lambda _n: self._taken(buckets, "ana", 50, 0.0), range(8))) == 100
