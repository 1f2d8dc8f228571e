"""Throttles as they are in production, for tests of them: the test run multiplies every limit. Where they count."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from unittest.mock import patch

import pytest
from django.test import override_settings

from devservers.redis import Redis
from paysettle.kernel import counters, redis_counters, throttles
from paysettle.kernel.throttles import Limit, Throttled
from tests.devservers.machine import own

DAY_S = 86_400
LONG_ENOUGH_S = 60
PATIENT_S = 10.0
"""How long tests of numbers wait for Redis: on a busy machine it must not be taken for away."""

PLACES = ("table", "redis")


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        # The next day, in which no other test counts: every window begins when a day does.
        self.now_s = (time.time() // DAY_S + 1) * DAY_S

    def __call__(self) -> float:
        return self.now_s


@contextmanager
def as_in_production() -> Iterator[Clock]:
    """Let limits be what the table says, and no window end by itself."""
    clock = Clock()
    with override_settings(THROTTLE_FACTOR=1), patch.object(throttles, "now_s", clock):
        as_another_process()
        yield clock
        as_another_process()


def as_another_process() -> None:
    """Forget what this process has spent, once everything is counted."""
    throttles._counter.submit(lambda: None).result()
    throttles._portions.clear()


def somebody() -> str:
    """Return a subject that nobody has counted."""
    return secrets.token_hex(8)


def taken(limit: Limit, subject: str, times: int) -> int:
    """Return how many of so many attempts are let through."""
    count = 0
    for _ in range(times):
        with suppress(Throttled):
            throttles.take(limit, subject)
            count += 1
    return count


def await_room(limit: Limit) -> None:
    """Wait until a window has just begun, or one lasts long enough for a test."""
    left_s = limit.window_s - time.time() % limit.window_s
    if left_s < LONG_ENOUGH_S:
        time.sleep(left_s)


def redis_url() -> str:
    """Return the address of the Redis of this test run; skip the test if there is none, and say why."""
    url = os.environ.get("TEST_REDIS_URL")
    if not url:
        pytest.skip(f"Redis: {os.environ.get('TEST_REDIS_MISSING') or 'TEST_REDIS_URL is not set'}")
    return url


@contextmanager
def counting_in(place: str) -> Iterator[None]:
    """Let this process count in the table, or in the Redis of this test run."""
    with override_settings(REDIS_URL=redis_url() if place == "redis" else ""), patient(PATIENT_S):
        yield


@contextmanager
def patient(timeout_s: float) -> Iterator[None]:
    """Wait so long for Redis."""
    with patch.object(redis_counters, "TIMEOUT_S", timeout_s):
        counters.in_redis.cache_clear()
        yield
    counters.in_redis.cache_clear()


@contextmanager
def own_redis() -> Iterator[Redis]:
    """Run a Redis of a test's own, to be killed or stopped; in this block this process counts there."""
    with own(Redis()) as server, override_settings(REDIS_URL=server.url), patient(PATIENT_S):
        yield server
