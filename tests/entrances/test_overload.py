"""Too much to do: who cannot wait is told so at once, and what was accepted is done."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests import wire
from tests.held import commits_held
from tests.money import balance
from tests.people import Person, deposit, person
from tests.server import Reply, Server, running
from tests.wire import Wire

pytestmark = pytest.mark.money

AT_ONCE_S = 2
TAKEN_S = 0.3
"""How long the lane may need to take the first item out of its queue."""


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    """A server with room for one waiting order, and for one page and four that wait."""
    with running(processes=1, threads=1, LANE_QUEUE_MAX="1") as server:
        yield server


@pytest.fixture
def people() -> tuple[Person, Person]:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 1_000)
    return ana, ben


Connect = Callable[[Server, int], list[Wire]]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Open so many connections, for the length of a test."""
    with ExitStack() as stack:
        yield lambda server, count: [stack.enter_context(Wire(server)) for _ in range(count)]


def test_a_full_lane_refuses_at_once(people: tuple[Person, Person], small: Server, connect: Connect) -> None:
    ana, ben = people
    connections = connect(small, 6)
    with commits_held():
        for connection in connections[:2]:  # one in the transaction, one in the queue
            connection.send(wire.payment(ana, ben, 10))
            time.sleep(TAKEN_S)
        for connection in connections[2:4]:
            connection.send(wire.payment(ana, ben, 10))
            _is_overloaded(_at_once(connection))
        connections[4].send(_ask(ben, ana))
        _is_overloaded(_at_once(connections[4]))
        connections[5].send(wire.head("GET", "/healthz", {}))
        assert _at_once(connections[5]).status == 200
    assert [connection.reply().status for connection in connections[:2]] == [201, 201]
    assert balance(ben) == 20


def test_a_full_pool_refuses_at_once(people: tuple[Person, Person], small: Server, connect: Connect) -> None:
    ana, ben = people
    connections = connect(small, 8)
    with commits_held():
        connections[0].send(_ask(ben, ana))  # in the transaction, and so in the only thread
        time.sleep(TAKEN_S)
        for connection in connections[1:5]:
            connection.send(wire.head("GET", "/readyz", {}))
            time.sleep(0.05)
        connections[5].send(wire.head("GET", "/readyz", {}))
        _is_overloaded(_at_once(connections[5]))
        connections[6].send(wire.head("GET", "/healthz", {}))
        assert _at_once(connections[6]).status == 200
        connections[7].send(wire.payment(ana, ben, 10))
    assert [connection.reply().status for connection in connections[:5]] == [201, 200, 200, 200, 200]
    assert connections[7].reply().status == 201


def test_what_was_accepted_is_finished_after_sigterm(people: tuple[Person, Person], connect: Connect) -> None:
    ana, ben = people
    with running(processes=1) as server:
        connections = connect(server, 12)
        with commits_held():
            for connection in connections[:10]:
                connection.send(wire.payment(ana, ben, 10))
            for connection in connections[10:]:
                connection.send(_ask(ben, ana))
            time.sleep(TAKEN_S)
            for connection in connections[:3]:
                connection.close()  # whoever does not wait for the answer has paid all the same
            assert server.process is not None
            server.process.terminate()
            time.sleep(TAKEN_S)
        assert [connection.reply().status for connection in connections[3:]] == [201] * 9
        assert server.process.wait(timeout=15) == 0
        server.process = None
    assert balance(ben) == 100


def _at_once(connection: Wire) -> Reply:
    started = time.monotonic()
    reply = connection.reply()
    assert time.monotonic() - started < AT_ONCE_S
    return reply


def _is_overloaded(reply: Reply) -> None:
    assert (reply.status, reply.document["code"], reply.document["retryable"]) == (503, "overloaded", True)
    assert reply.headers["Retry-After"] == "1"
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["X-Request-Id"] == reply.document["request_id"]
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["X-Frame-Options"] == "DENY"


def _ask(by: Person, debtor: Person) -> bytes:
    body = b'{"debtor": "%s", "amount": {"amount": 1, "currency": "EUR"}, "reason": "x"}' % debtor.handle.encode()
    return (
        wire.head("POST", "/api/v1/settlements", wire.payment_headers(by, **{"Content-Length": str(len(body))})) + body
    )
