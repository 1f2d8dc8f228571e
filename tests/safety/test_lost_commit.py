"""M4, R4: a connection that is lost at COMMIT leaves the outcome unknown, never wrong; the same key settles it.

A proxy cuts the connection before the server got the COMMIT, after it carried it out, or at the second COMMIT that
Django sends behind it. The server runs the batch again: the keys tell it what was committed. When the database stays
away the caller hears `outcome_unknown`, and sending the same request again settles it.
"""

import os
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest
from django.db import connection

from paysettle.kernel import batch, transactions
from paysettle.kernel.idempotency import Answer
from paysettle.payments.operations.send import send_payment
from tests import proxy as proxies
from tests import server as servers
from tests import spoilt
from tests.money import balance, books_are_right
from tests.people import deposit, pay, payment_order, person
from tests.plugin import KIND
from tests.proxy import Proxy, Where
from tests.safety import planted
from tests.safety.rows import grown, rows_of
from tests.server import Server

pytestmark = [
    pytest.mark.money,
    pytest.mark.skipif(KIND == "sqlite", reason="SQLite is in the process: there is no connection to lose"),
]

CUTS = 2_000 if os.environ.get("TEST_LONG") else 200
AT_ONCE = 4
PLACES: list[Where] = ["before", "after"]
"""Where to cut: before the server gets the COMMIT, or after it and before its answer."""


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with proxies.running() as running:
        yield running


@pytest.fixture(scope="module")
def server(proxy: Proxy) -> Iterator[Server]:
    """A server that reaches the database through the proxy."""
    with servers.running(DATABASE_URL=proxy.url) as running:
        yield running


@pytest.fixture
def through_proxy(proxy: Proxy) -> Iterator[None]:
    """Let this thread's database connection go through the proxy, too."""
    with spoilt.used(PORT=proxy.port):
        yield


def test_payments_whose_commit_is_lost_are_made_once(server: Server, proxy: Proxy) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, CUTS * AT_ONCE)
    pay(ana, ben, 1)
    client = server.client(ana)
    cuts_before, keys = proxy.cuts, []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for cut in range(CUTS):
            round_keys = [secrets.token_hex(12) for _ in range(AT_ONCE)]
            proxy.cut_at_commit(PLACES[cut % len(PLACES)])
            replies = list(pool.map(lambda key: client.pay(ben, 1, key=key), round_keys))
            assert {reply.status for reply in replies} <= {201, 422}
            keys += round_keys
    assert proxy.cuts - cuts_before == CUTS
    paid = 0
    for key in keys:
        again = client.pay(ben, 1, key=key)
        found = client.get(f"/api/v1/payments?idempotency_key={key}").document["data"]
        assert found == ([again.document] if again.status == 201 else [])
        paid += len(found)
    # The first payment spent 1, so the last of the keys finds no money left.
    assert (paid, balance(ana), balance(ben)) == (len(keys) - 1, 0, len(keys))
    books_are_right(ana, ben)


@pytest.mark.usefixtures("through_proxy")
@pytest.mark.parametrize("where", ["before", "after"])
def test_while_the_database_is_away_the_outcome_is_unknown_and_the_key_settles_it(proxy: Proxy, where: Where) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10)
    deposit(ben, 10)
    order = payment_order(ana, ben, 10)
    proxy.cut_at_commit(where, refuse_afterwards=True)
    with patch.object(transactions, "PATIENCE_S", 0.2):
        [unknown] = batch.run(send_payment, [order])
    assert spoilt.code(unknown) == "outcome_unknown"
    proxy.refusing = False
    [settled] = batch.run(send_payment, [order])
    assert isinstance(settled, Answer)
    assert (settled.status, settled.replayed) == (201, where == "after")
    assert (balance(ana), balance(ben)) == (0, 20)
    books_are_right(ana, ben)


@pytest.mark.usefixtures("through_proxy")
def test_when_the_database_was_away_all_along_nothing_was_done(proxy: Proxy) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10)
    before = rows_of(ana)
    proxy.refusing = True
    proxy.cut_all()
    with patch.object(transactions, "PATIENCE_S", 0.2):
        [refusal] = batch.run(send_payment, [payment_order(ana, ben, 10)])
    proxy.refusing = False
    assert spoilt.code(refusal) == "unavailable"
    assert grown(before, rows_of(ana)) == {}


def test_the_opening_of_a_wallet_is_repeated_too(server: Server, proxy: Proxy) -> None:
    ana = person("ana")
    deposit(ana, 10)
    for where in ("before", "after"):
        ben = person("ben")
        proxy.cut_at_commit(where)
        assert server.client(ana).pay(ben, 5).status == 201
        assert balance(ben) == 5


def test_a_lane_whose_connection_was_lost_while_idle_pays_somebody_new(server: Server, proxy: Proxy) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10)
    client = server.client(ana)
    client.pay(ben, 1)
    for verb in ("pay", "get", "pay"):
        proxy.cut_all()
        reply = client.pay(person("eva"), 1) if verb == "pay" else client.get("/api/v1/accounts")
        assert reply.status in {200, 201}, reply.text


def test_a_look_while_the_database_is_away_is_told_so(server: Server, proxy: Proxy) -> None:
    client = server.client(person("ana"))
    proxy.refusing = True
    proxy.cut_all()
    reply = client.get("/api/v1/accounts")
    proxy.refusing = False
    assert (reply.status, reply.document["code"]) == (503, "unavailable")
    assert client.get("/api/v1/accounts").status == 200


def test_a_connection_that_the_server_closed_for_idleness_is_opened_anew() -> None:
    ana, ben, eva = person("ana"), person("ben"), person("eva")
    deposit(ana, 20)
    for payee in (ben, ben, eva):
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION wait_timeout = 1")
        time.sleep(1.5)
        [outcome] = batch.run(send_payment, [payment_order(ana, payee, 5)])
        assert spoilt.code(outcome) == "ok"
    books_are_right(ana, ben, eva)


@pytest.mark.usefixtures("_second_database", "through_proxy")
def test_control_a_blind_retry_pays_twice(proxy: Proxy) -> None:
    """Without keys what was committed cannot be told from what was not: running it again makes a second payment."""
    with spoilt.used(NAME=spoilt.NAME):
        ana, ben = person("ana"), person("ben")
        spoilt.deposit(ana, 100)
        spoilt.deposit(ben, 1)
        with planted.no_keys():
            for where in PLACES:
                proxy.cut_at_commit(where)
                batch.run(send_payment, [payment_order(ana, ben, 1)])
        assert balance(ben) == 1 + 3  # two payments, one of them twice: what had reached the server
