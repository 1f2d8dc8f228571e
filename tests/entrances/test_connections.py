"""What clients do on a connection: bodies in pieces, requests in a row, leaving early, all at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection as database

from config.asgi import build
from tests import wire
from tests.asgi import AsgiClient
from tests.held import commits_held
from tests.money import balance
from tests.people import Person, deposit, person
from tests.server import Client, Server
from tests.wire import Wire

pytestmark = pytest.mark.money

HOT = "/api/v1/payments"
AT_ONCE = 40
PATIENCE_S = 20
TAKEN_S = 0.3
"""How long a request may need to reach the lane."""


@pytest.fixture
def people() -> tuple[Person, Person]:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 1_000)
    return ana, ben


def test_a_body_may_come_in_many_pieces(people: tuple[Person, Person], server: Server) -> None:
    ana, ben = people
    letters = [bytes([letter]) for letter in wire.payment_body(ben, 10)]
    start = wire.head("POST", HOT, wire.payment_headers(ana, **{"Transfer-Encoding": "chunked"}))
    with Wire(server) as connection:
        connection.send(start, *(wire.chunk(letter) for letter in letters), wire.LAST_CHUNK)
        assert connection.reply().status == 201
        connection.send(start, wire.chunked(letters))
        assert connection.reply().headers["Idempotent-Replayed"] == "true"
    whole = wire.payment(ana, ben, 10)
    with Wire(server) as connection:
        connection.send(*(whole[n : n + 1] for n in range(len(whole))))
        assert connection.reply().status == 201


def test_requests_may_follow_before_their_answers(people: tuple[Person, Person], server: Server) -> None:
    ana, ben = people
    look = wire.head("GET", f"{HOT}?limit=1", {"Authorization": f"Bearer {Client('', ana).token}"})
    with Wire(server) as connection:
        connection.send(wire.payment(ana, ben, 10) + wire.payment(ana, ben, 0) + look + wire.payment(ana, ben, 20))
        answers = [connection.reply() for _ in range(4)]
        assert [answer.status for answer in answers] == [201, 422, 200, 201]
        assert answers[2].document["data"][0]["id"] == answers[0].document["id"]
        connection.send(wire.payment(ana, ben, 30))
        assert connection.reply().status == 201


def test_who_leaves_while_the_order_waits_has_paid_once(people: tuple[Person, Person], server: Server) -> None:
    ana, ben = people
    client = _left(ana, ben, server)
    assert client.pay(ben, 100, key="left").headers["Idempotent-Replayed"] == "true"
    assert balance(ben) == 100


def test_control_who_leaves_and_takes_another_key_pays_twice(people: tuple[Person, Person], server: Server) -> None:
    """The order that was left is carried out all the same: without its key nobody can tell the two apart."""
    ana, ben = people
    client = _left(ana, ben, server)
    assert "Idempotent-Replayed" not in client.pay(ben, 100, key="another").headers
    assert balance(ben) == 200


@pytest.mark.parametrize("turn", range(5))
def test_who_leaves_at_once_settles_it_with_the_key(turn: int, people: tuple[Person, Person], server: Server) -> None:
    """A connection that is closed at once may be dropped before the application hears of it: nobody can tell."""
    ana, ben = people
    with Wire(server) as connection:
        connection.send(wire.payment(ana, ben, 100, **{"Idempotency-Key": f"at once {turn}"}))
    assert server.client(ana).pay(ben, 100, key=f"at once {turn}").status == 201
    time.sleep(TAKEN_S)
    assert balance(ben) == 100


def test_who_leaves_within_the_body_has_not_paid(people: tuple[Person, Person], server: Server) -> None:
    ana, ben = people
    request = wire.payment(ana, ben, 100, **{"Idempotency-Key": "half"})
    with Wire(server) as connection:
        connection.send(request[:-1])
    client = server.client(ana)
    assert client.pay(ben, 1).status == 201
    assert _found(client, "half") == []
    assert balance(ben) == 1


@pytest.mark.parametrize("path", [HOT, "/api/v1/settlements"])
@pytest.mark.parametrize("broken", [b"zz\r\n{}\r\n", wire.chunk(b"{")[:-2] + b"{}" + wire.LAST_CHUNK])
def test_chunks_that_are_none_are_refused(
    path: str, broken: bytes, people: tuple[Person, Person], server: Server
) -> None:
    """The server says no more of them than of a client who has left; its own answer would be a fault of ours."""
    ana, ben = people
    headers = wire.payment_headers(ana, **{"Transfer-Encoding": "chunked"})
    with Wire(server) as connection:
        connection.send(wire.head("POST", path, headers), broken)
        reply = connection.reply()
    assert (reply.status, reply.document["code"]) == (400, "malformed_body")
    assert "early" in reply.document["detail"]
    assert server.client(ana).pay(ben, 1).status == 201


def test_each_request_keeps_its_own_id(people: tuple[Person, Person], server: Server) -> None:
    ana, ben = people

    def call(n: int) -> None:
        client = server.client(ana)
        path = (HOT, "/api/v1/settlements")[n % 2]
        for turn in range(5):
            name = f"call-{n}-{turn}"
            bad = client.post(path, {}, **{"X-Request-Id": name})
            assert (bad.status, bad.headers["X-Request-Id"], bad.document["request_id"]) == (422, name, name)
            paid = client.post(HOT, _order(ben), key=f"k-{n}-{turn}", **{"X-Request-Id": name})
            assert (paid.status, paid.headers["X-Request-Id"]) == (201, name)
            again = client.post(HOT, _order(ben), key=f"k-{n}-{turn}", **{"X-Request-Id": "again"})
            assert (again.headers["X-Request-Id"], again.headers["Original-Request-Id"]) == ("again", name)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(call, range(AT_ONCE)))
    assert balance(ben) == AT_ONCE * 5


def test_the_event_loop_opens_no_database_connection(people: tuple[Person, Person]) -> None:
    ana, ben = people
    opened: list[object] = []

    def pay() -> None:
        client = AsgiClient(build(threads=1))
        reply = client.send("POST", HOT, [wire.payment_body(ben, 5)], **wire.payment_headers(ana))
        assert reply is not None
        assert reply.status == 201
        opened.append(database.connection)

    thread = threading.Thread(target=pay)
    thread.start()
    thread.join()
    assert opened == [None]


def _order(to: Person) -> dict[str, object]:
    return {"payee": to.handle, "amount": {"amount": 1, "currency": "EUR"}}


def _left(payer: Person, payee: Person, server: Server) -> Client:
    """Let a payer send 100 under the key `left`, and leave while the order waits; return once it is carried out."""
    with Wire(server) as connection, commits_held():
        connection.send(wire.payment(payer, payee, 100, **{"Idempotency-Key": "left"}))
        time.sleep(TAKEN_S)
        connection.close()
        time.sleep(TAKEN_S)
    client = server.client(payer)
    assert _eventually(lambda: len(_found(client, "left")) == 1)
    return client


def _found(client: Client, key: str) -> list[object]:
    found: list[object] = client.get(f"{HOT}?idempotency_key={key}").document["data"]
    return found


def _eventually(true: Callable[[], bool]) -> bool:
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        if true():
            return True
        time.sleep(0.05)
    return False
