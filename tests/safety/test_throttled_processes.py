"""X13 at the real server, with the limits of production: all its processes count together, and headers do not help."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from paysettle.api import throttling
from tests.people import PASSWORD, Person, person
from tests.server import Reply, Server, running
from tests.throttled import PLACES, await_room, redis_url

LOGIN = "/_allauth/app/v1/auth/login"


@pytest.fixture(scope="module", params=PLACES)
def strict(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that multiplies nothing, in a window that has just begun or lasts long enough."""
    url = redis_url() if request.param == "redis" else ""
    await_room(throttling.WRONG_FROM_ADDRESS_TO_ACCOUNT)
    with running(THROTTLE_FACTOR="1", REDIS_URL=url) as server:
        yield server


def _at_once(call: Callable[[int], Reply], times: int) -> list[Reply]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(call, range(times)))


def _guess(server: Server, who: Person, password: str, n: int) -> Reply:
    client = server.client()  # a connection of its own, to whichever process takes it
    body = {"username": who.handle, "password": password}
    return client.post(LOGIN, body, **{"X-Forwarded-For": f"203.0.113.{n}", "X-Real-Ip": f"203.0.113.{n}"})


def test_guesses_in_all_processes_are_counted_together(strict: Server) -> None:
    ana, ben = person("ana"), person("ben")
    replies = _at_once(lambda n: _guess(strict, ana, "a wrong password", n), 16)
    assert sorted(reply.status for reply in replies) == [400] * 5 + [429] * 11
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.document["code"] == "throttled"
    assert 0 < int(refused.headers["Retry-After"]) <= throttling.WRONG_FROM_ADDRESS_TO_ACCOUNT.window_s
    assert _guess(strict, ana, PASSWORD, 1).status == 429
    assert _guess(strict, ben, PASSWORD, 1).status == 200, "who sits at the same address goes on"
