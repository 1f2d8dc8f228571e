"""Counters in Redis, or in Valkey, each a key that expires by itself; while it is away, nobody waits for it.

A script raises and judges a counter: Redis runs nothing else meanwhile. Redis is away when it cannot be reached, when
it does not answer within TIMEOUT_S, and when it refuses (a wrong password, no memory left, a replica): then this
process leaves it alone for PAUSE_S, after which one call tries it again while the others still go on without it.

What was sent to a Redis that did not answer may have been counted there; it is then counted twice, never not at all.
How long it takes to look a host's name up is the system's to bound: no time-out of ours reaches that.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from paysettle.kernel.counters import Away

PREFIX = "paysettle.throttle:"

TIMEOUT_S = 0.5
"""How long a connection may take, and an answer: long for a Redis nearby, also from a busy machine."""

CONNECTIONS_MAX = 10_000
"""No thread finds them used up: what does not get one takes Redis for away."""

PAUSE_S = 5.0
"""How long a Redis that has failed is left alone."""

KEPT_LONGER_S = 60
"""How much longer than its window a counter is kept: the clocks of processes differ a little."""

# The key's life is a duration: were the clock of Redis ahead, a time of day would be over at once.
_COUNT = """
local used, by, most = tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[1]), tonumber(ARGV[2])
local granted = math.max(0, math.min(by, most - used))
if granted > 0 then
    redis.call('SET', KEYS[1], string.format('%d', used + granted), 'PX', ARGV[3])
end
return granted
"""

_UNCOUNT = """
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then
    return redis.call('DECR', KEYS[1])
end
return 0
"""

_log = structlog.get_logger(__name__)


class RedisCounters:
    """The counters in the Redis at an address, `redis://` or `rediss://`."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url,
            socket_connect_timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_keepalive=True,
            max_connections=CONNECTIONS_MAX,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
        )
        self._lock = threading.Lock()
        self._try_again_at: float | None = None  # None: it is not known to be away

    def count(self, digest: bytes, *, by: int, most: int, ends_at: datetime) -> int:
        """Count by the script. Raises Away."""
        left_s = max(0.0, (ends_at - datetime.now(UTC)).total_seconds()) + KEPT_LONGER_S
        return self._run(_COUNT, digest, by, most, int(left_s * 1000))

    def uncount(self, digests: Sequence[bytes]) -> None:
        """Uncount each by a script."""
        with suppress(Away):
            for digest in digests:
                self._run(_UNCOUNT, digest)

    def clear(self, digest: bytes) -> None:
        """Delete the key."""
        with suppress(Away):
            self._run("return redis.call('DEL', KEYS[1])", digest)

    def _run(self, script: str, digest: bytes, *arguments: int) -> int:
        """Return what a script answers about a key; raise Away without a try while Redis is left alone."""
        with self._lock:
            was_away, now = self._try_again_at is not None, time.monotonic()
            if self._try_again_at is not None:
                if now < self._try_again_at:
                    raise Away
                self._try_again_at = now + PAUSE_S  # this call tries; the others go on without it
        try:
            answer = int(self._client.eval(script, 1, PREFIX + digest.hex(), *arguments))
        except Exception as failure:  # whatever it is: what answers there may be no Redis, and a request goes on
            self._leave_alone(failure)
            raise Away from failure
        if was_away:
            self._use_again()
        return answer

    def _leave_alone(self, failure: Exception) -> None:
        with self._lock:
            is_news = self._try_again_at is None
            self._try_again_at = time.monotonic() + PAUSE_S
        if is_news:
            _log.warning("redis_away", reason=type(failure).__name__, detail=str(failure))

    def _use_again(self) -> None:
        with self._lock:
            self._try_again_at = None
        _log.info("redis_back")
