"""R1: `kill -9` of the database server under load: callers are told, and the service recovers without a hand.

The test has a server of its own, MariaDB or MySQL, to be killed and started again. While it is away every answer is a
503 with Retry-After; what was acknowledged before is there afterwards, what was not is settled by its key.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import connections
from urllib3.exceptions import HTTPError

from devservers.sql import SqlServer
from tests import own_database, spoilt, working
from tests.money import balance, books_are_right
from tests.people import person
from tests.plugin import KIND
from tests.safety.load import MixedLoad
from tests.server import Client, Server, free_port

pytestmark = [
    pytest.mark.money,
    pytest.mark.skipif(KIND == "sqlite", reason="SQLite is in the process: killing that is another test's"),
]

LONG = bool(os.environ.get("TEST_LONG"))
KILLS = 10 if LONG else 1
BETWEEN = 2_000 if LONG else 300
RECOVERED_S = 15
WAIT_S = 180
"""How long so many payments may take on a machine that is busy with other things."""
AWAY = ("unavailable", "outcome_unknown", "overloaded")


@pytest.fixture
def own() -> Iterator[SqlServer]:
    with own_database.running() as database:
        yield database


def test_the_service_recovers_by_itself_and_nothing_is_lost(
    own: SqlServer, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    people = [person(name) for name in ("ana", "ben", "cem")]
    for who in people:
        spoilt.deposit(who, 10**6)
    server = Server(DATABASE_URL=own_database.url(own))
    server.start()
    try:
        client = server.client(people[0])
        load = MixedLoad(server.address, people)
        with working.running(DATABASE_URL=own_database.url(own)), load.running():
            for kill in range(1, KILLS + 1):
                load.wait_for(kill * BETWEEN, timeout_s=WAIT_S)
                own.kill()
                _assert_told(client, people[1].handle)
                own.restart()
                _wait_until_well(client)
            load.wait_for(KILLS * BETWEEN + 50)
        statuses = {sent.reply.status for sent in load.sent if sent.reply is not None}
        assert statuses <= {200, 201, 503}
        for sent in load.sent:
            if sent.reply is not None and sent.reply.status == 503:
                assert sent.reply.headers["Retry-After"]
                assert sent.reply.document["retryable"] is True
        load.settle()
        load.assert_replayed(payments=100)
    finally:
        server.stop()
    connections.close_all()
    told = load.write_log(tmp_path / "told.jsonl")
    assert sum(balance(who) for who in people) == len(people) * 10**6
    call_command("ledger", "verify", "--acknowledged", str(tmp_path / "told.jsonl"))
    books_are_right(*people)
    tell(f"{KILLS} kills of the database, {told} payments acknowledged, {len(load.sent)} requests")


def test_control_a_server_that_nobody_answers_is_no_recovery() -> None:
    """Against an address where nobody listens the wait for recovery does not end well."""
    client = Client(f"http://127.0.0.1:{free_port()}")
    with patch(f"{__name__}.RECOVERED_S", 0.3), pytest.raises(AssertionError):
        _wait_until_well(client)


def _assert_told(client: Client, payee: str) -> None:
    """Fail unless a payment and a look are told that the service is away, and to come back."""
    body = {"payee": payee, "amount": {"amount": 1, "currency": "EUR"}}
    with ThreadPoolExecutor(2) as pool:
        replies = [
            pool.submit(client.post, "/api/v1/payments", body),
            pool.submit(client.get, "/api/v1/accounts"),
        ]
    for reply in (future.result() for future in replies):
        # Overloaded: it waited behind others that each found the database away, until its deadline.
        assert (reply.status, reply.document["code"]) in {(503, code) for code in AWAY}
        assert int(reply.headers["Retry-After"]) >= 1
    assert client.get("/readyz").status == 503


def _wait_until_well(client: Client) -> None:
    """Wait until the service says that it is ready and answers a look."""
    give_up_at = time.monotonic() + RECOVERED_S
    while time.monotonic() < give_up_at:
        try:
            if client.get("/readyz").status == client.get("/api/v1/accounts").status == 200:
                return
        except (OSError, HTTPError):
            pass
        time.sleep(0.1)
    raise AssertionError("the service did not recover")
