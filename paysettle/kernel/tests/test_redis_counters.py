"""Counters in Redis end by themselves; while Redis is away, hangs, refuses or is none, the table counts."""

import os
import secrets
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from django.db import connections
from django.test import override_settings

from devservers.redis import Redis
from paysettle.kernel import counters, redis_counters, throttles
from paysettle.kernel.counters import TABLE, Away
from paysettle.kernel.models import Throttle
from paysettle.kernel.redis_counters import PREFIX, TIMEOUT_S, RedisCounters
from paysettle.kernel.throttles import Limit
from tests.devservers.machine import Answering
from tests.throttled import as_in_production, counting_in, own_redis, patient, redis_url, somebody, taken

FIVE = Limit("test.five", 5, 300)
PAUSE_S = 0.3
LONG_S = 2.0


@pytest.fixture(autouse=True)
def _strict() -> Iterator[None]:
    with as_in_production():
        yield


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """Count in a Redis of our own, which is soon tried again."""
    monkeypatch.setattr(redis_counters, "PAUSE_S", PAUSE_S)
    with own_redis() as found:
        yield found


def digest_of(subject: str) -> bytes:
    return throttles._digest(FIVE.name, subject, str(int(throttles.now_s() // FIVE.window_s)))


def used_in_redis(url: str, subject: str) -> int:
    return int(client(url).get(PREFIX + digest_of(subject).hex()) or 0)


def used_in_table(subject: str) -> int:
    return sum(Throttle.objects.filter(digest=digest_of(subject)).values_list("used", flat=True))


def client(url: str) -> Any:
    return redis.Redis.from_url(url)


@contextmanager
def frozen(server: Redis) -> Iterator[None]:
    """Let it hang: it keeps its connections and takes new ones, and answers nothing."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_redis_counts_and_the_table_does_not() -> None:
    ana = somebody()
    with counting_in("redis"):
        assert taken(FIVE, ana, 3) == 3
        assert used_in_redis(redis_url(), ana) == 3
    assert used_in_table(ana) == 0


def test_a_counter_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    place, digest = RedisCounters(redis_url()), secrets.token_bytes(32)
    key = PREFIX + digest.hex()
    place.count(digest, by=2, most=5, ends_at=datetime.now(UTC) + timedelta(seconds=10))
    assert 60_000 < client(redis_url()).pttl(key) <= 70_000
    place.uncount([digest])
    assert client(redis_url()).get(key) == b"1"
    assert 60_000 < client(redis_url()).pttl(key) <= 70_000
    monkeypatch.setattr(redis_counters, "KEPT_LONGER_S", 0)
    place.count(digest, by=1, most=5, ends_at=datetime.now(UTC) + timedelta(seconds=0.1))
    time.sleep(0.2)
    assert not client(redis_url()).exists(key)
    place.uncount([digest])
    assert not client(redis_url()).exists(key), "nothing is lowered below zero, nor made for ever"


@pytest.mark.money
def test_the_same_is_granted_as_by_the_table() -> None:
    """Also in part, and when the limit is lower than what was used."""
    ends_at = datetime.now(UTC) + timedelta(seconds=60)
    asked = [(4, 10), (4, 10), (4, 10), (1, 10), (1, 5), (3, 12), (1, 2**40)]
    digest = secrets.token_bytes(32)
    granted = [
        [place.count(digest, by=by, most=most, ends_at=ends_at) for by, most in asked]
        for place in (TABLE, RedisCounters(redis_url()))
    ]
    assert granted == [[4, 4, 2, 0, 0, 2, 1]] * 2


def test_while_redis_is_away_the_table_counts(server: Redis, capsys: pytest.CaptureFixture[str]) -> None:
    ana, ben = somebody(), somebody()
    assert taken(FIVE, ana, 3) == 3
    server.kill()
    assert taken(FIVE, ana, 9) == 5
    assert used_in_table(ana) == 5
    time.sleep(PAUSE_S)
    assert taken(FIVE, ana, 9) == 0
    server.restart()
    time.sleep(PAUSE_S)
    assert taken(FIVE, ben, 9) == 5
    assert (used_in_redis(server.url, ben), used_in_table(ben)) == (5, 0)
    said = capsys.readouterr().err
    assert (said.count('"redis_away"'), said.count('"redis_back"')) == (1, 1), "once for each outage"


def test_control_who_takes_silence_for_a_yes_throttles_nobody(server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: what cannot be counted is granted."""
    count = RedisCounters.count

    def generous(self: RedisCounters, digest: bytes, *, by: int, most: int, ends_at: datetime) -> int:
        try:
            return count(self, digest, by=by, most=most, ends_at=ends_at)
        except Away:
            return by

    monkeypatch.setattr(RedisCounters, "count", generous)
    server.kill()
    assert taken(FIVE, somebody(), 9) == 9


@pytest.mark.parametrize("connected", [True, False])
def test_nobody_waits_long_for_a_redis_that_hangs(server: Redis, *, connected: bool) -> None:
    with patient(TIMEOUT_S):
        assert _taken_while_it_hangs(server, connected=connected) < LONG_S


def test_control_with_long_time_outs_they_do(server: Redis) -> None:
    """The planted bug: a client that is patient."""
    with patient(LONG_S):
        assert _taken_while_it_hangs(server, connected=True) > LONG_S


def _taken_while_it_hangs(server: Redis, *, connected: bool) -> float:
    """Return how long the slowest of eight attempts at once took; five of them are let through."""
    ana = somebody()

    def one(_n: int) -> tuple[int, float]:
        began = time.monotonic()
        try:
            return taken(FIVE, ana, 1), time.monotonic() - began
        finally:
            connections.close_all()

    if connected:
        assert taken(FIVE, somebody(), 1) == 1
    with frozen(server), ThreadPoolExecutor(8) as pool:
        results = list(pool.map(one, range(8)))
    assert sum(let_through for let_through, _ in results) == 5
    return max(took_s for _, took_s in results)


def test_one_call_at_a_time_tries_a_redis_that_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    place, now, tries = RedisCounters("redis://127.0.0.1:9/0"), SimpleNamespace(s=0.0), []
    monkeypatch.setattr(redis_counters, "time", SimpleNamespace(monotonic=lambda: now.s))

    def ask() -> None:
        with pytest.raises(Away):
            place.count(b"x", by=1, most=5, ends_at=datetime.now(UTC))

    def refuse(*_: Any) -> None:
        tries.append(now.s)
        if now.s:
            ask()  # meanwhile somebody else
        raise redis.ConnectionError

    monkeypatch.setattr(place._client, "eval", refuse)
    for now.s in (0.0, 1.0, 4.9, 5.0, 9.9, 10.0, 10.1):
        ask()
    assert tries == [0.0, 5.0, 10.0]


@pytest.mark.parametrize(
    ("setting", "value"), [("maxmemory", "1"), ("requirepass", "secret"), ("min-replicas-to-write", "1")]
)
def test_a_redis_that_refuses_is_away(
    server: Redis, setting: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with client(server.url) as operator:
        operator.config_set(setting, value)
        ana = somebody()
        assert taken(FIVE, ana, 9) == 5
        assert used_in_table(ana) == 5
    said = capsys.readouterr().err
    assert said.count('"redis_away"') == 1
    assert ana not in said


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"$-1\r\n", b"$x\r\n", b"*1\r\n+\xff\r\n"]
)
def test_what_is_no_redis_is_away(answer: bytes) -> None:
    with Answering(answer) as port, override_settings(REDIS_URL=f"redis://127.0.0.1:{port}/0"):
        assert taken(FIVE, somebody(), 9) == 5


def test_a_name_that_nobody_has_is_away() -> None:
    with override_settings(REDIS_URL="redis://no-such-host.invalid/0"):
        assert taken(FIVE, somebody(), 9) == 5


def test_as_many_count_at_once_as_there_are_threads(server: Redis) -> None:
    """Each has a connection of its own; the package's default is a hundred for all."""
    ana = somebody()
    place = counters.in_redis(server.url)
    assert isinstance(place, RedisCounters)
    pool = place._client.connection_pool
    held = [pool.get_connection() for _ in range(150)]
    assert taken(FIVE, ana, 3) == 3
    assert used_in_redis(server.url, ana) == 3
    for connection in held:
        pool.release(connection)


def test_it_is_given_back_where_it_was_counted(server: Redis) -> None:
    ana = somebody()
    in_redis = throttles.take(FIVE, ana)
    server.kill()
    in_table = [throttles.take(FIVE, ana) for _ in range(2)]
    throttles.give_back(in_redis)
    assert used_in_table(ana) == 2, "what was counted in Redis is not taken from the table"
    server.restart()
    time.sleep(PAUSE_S)
    again = throttles.take(FIVE, ana)
    throttles.give_back(*in_table)
    assert (used_in_redis(server.url, ana), used_in_table(ana)) == (1, 0)
    throttles.give_back(again)
    assert used_in_redis(server.url, ana) == 0


def test_beginning_anew_is_everywhere(server: Redis) -> None:
    ana = somebody()
    TABLE.count(digest_of(ana), by=5, most=5, ends_at=datetime.now(UTC) + timedelta(days=2))
    assert taken(FIVE, ana, 9) == 5
    throttles.clear(FIVE, ana)
    assert (used_in_redis(server.url, ana), used_in_table(ana)) == (0, 0)
    server.kill()
    throttles.clear(FIVE, ana)
    assert taken(FIVE, ana, 9) == 5


def test_marks_are_kept_in_the_table(server: Redis) -> None:
    """A place that a person is known at is to be known for months, whatever becomes of Redis."""
    ana = somebody()
    throttles.mark("test", ana, life=timedelta(days=90))
    assert client(server.url).dbsize() == 0
    server.kill()
    assert throttles.is_marked("test", ana)
