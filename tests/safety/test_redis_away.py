"""X13 with the counters in Redis: when it ends or hangs in the middle of an attack, guesses are still counted."""

import hashlib
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import redis

from devservers.redis import Redis
from paysettle.api import throttling
from tests.people import PASSWORD, Person, person
from tests.server import PROCESSES, Server, running
from tests.throttled import await_room, own_redis

pytestmark = pytest.mark.shared

LOGIN = "/_allauth/app/v1/auth/login"
ANSWERED_WITHIN_S = 4.0
"""A password alone takes a part of it."""


def _freeze(server: Redis) -> None:
    os.kill(server.pid, signal.SIGSTOP)


@pytest.mark.parametrize("harm", [Redis.kill, _freeze])
def test_people_sign_in_and_guesses_are_counted_when_redis_ends(harm: Callable[[Redis], None]) -> None:
    ana, ben = person("ana"), person("ben")
    with own_redis() as counting:
        await_room(throttling.WRONG_FROM_ADDRESS_TO_ACCOUNT)
        with running(THROTTLE_FACTOR="1", REDIS_URL=counting.url) as server:
            assert [_sign_in(server, ana, "a wrong password") for _ in range(3)] == [400] * 3
            assert _readable(counting.url, ana) == []
            harm(counting)
            try:
                began = time.monotonic()
                assert _sign_in(server, ben, PASSWORD) == 200
                assert time.monotonic() - began < ANSWERED_WITHIN_S
                assert [_sign_in(server, ana, "a wrong password") for _ in range(7)] == [400] * 5 + [429] * 2
                assert _sign_in(server, ana, PASSWORD) == 429
            finally:
                with suppress(ProcessLookupError):
                    os.kill(counting.pid, signal.SIGCONT)
            assert 1 <= server.log.read_text().count('"redis_away"') <= PROCESSES


def test_control_a_key_that_names_somebody_is_seen() -> None:
    ana = person("ana")
    with own_redis() as counting:
        client = _client(counting.url)
        for name in (ana.handle, hashlib.sha256(ana.handle.encode()).hexdigest()):
            client.set(f"paysettle.throttle:{name}", 1)
            assert _readable(counting.url, ana) == [f"paysettle.throttle:{name}"]
            client.flushall()


def _sign_in(server: Server, who: Person, password: str) -> int:
    return server.client().post(LOGIN, {"username": who.handle, "password": password}).status


def _readable(url: str, who: Person) -> list[str]:
    """Return the keys of everything in a Redis that tells more than a number; there must be something."""
    client = _client(url)
    keys = list(client.scan_iter())
    assert keys
    plain = {hashlib.sha256(name.encode()).hexdigest() for name in (who.handle, who.email, "127.0.0.1")}
    return [
        key
        for key in keys
        if not re.fullmatch("paysettle.throttle:[0-9a-f]{64}", key)
        or key.rpartition(":")[2] in plain
        or not client.get(key).isdigit()
        or client.ttl(key) <= 0
    ]


def _client(url: str) -> Any:
    return redis.Redis.from_url(url, decode_responses=True)
