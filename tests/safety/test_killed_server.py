"""R1: a payment that was acknowledged survives `kill -9` of the server; what was not is settled by its key.

Eight clients pay with keys that they keep. The server and all its processes are killed in the middle of it, three
times, and started again; then every key without an answer is sent again.
"""

import os
import random
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from urllib3.exceptions import HTTPError

from paysettle.kernel.idempotency import digest_of
from paysettle.kernel.models import IdempotencyKey
from paysettle.ledger.verify import verify
from paysettle.payments.models import Payment
from tests.money import balance, books_are_right
from tests.people import Person, deposit, person
from tests.server import Client, Reply, Server

pytestmark = pytest.mark.money

KILLS = 30 if os.environ.get("TEST_LONG") else 3
CLIENTS = 8


class Load:
    """Clients that pay 1 again and again; what each key was answered, None for nothing."""

    def __init__(self, server: Server, ana: Person, ben: Person) -> None:
        self.outcomes: dict[str, Reply | None] = {}
        self._ben = ben
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._pay, args=[server.client(ana)]) for _ in range(CLIENTS)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Pay for the length of a block."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def _pay(self, client: Client) -> None:
        while not self._stop.is_set():
            key = secrets.token_hex(12)
            self.outcomes[key] = None
            try:
                self.outcomes[key] = client.pay(self._ben, 1, key=key)
            except HTTPError:
                time.sleep(0.2)  # the server is away


def test_what_was_acknowledged_before_a_kill_is_there_afterwards() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10**9)
    server = Server()
    server.start()
    try:
        load = Load(server, ana, ben)
        with load.running():
            for _ in range(KILLS):
                time.sleep(random.uniform(0.5, 1.5))
                server.kill()
                server.start()
        assert {reply.status for reply in load.outcomes.values() if reply is not None} == {201}
        assert None in load.outcomes.values()  # the kills did hit somebody
        _settle_and_compare(server.client(ana), ana, ben, load.outcomes)
        assert balance(ben) == len(load.outcomes)
        assert balance(ana) == 10**9 - len(load.outcomes)
    finally:
        server.stop()
    books_are_right(ana, ben)
    assert verify().findings == []


def test_control_an_acknowledgement_without_a_commit_is_missed(server: Server) -> None:
    """A payment that was answered and never committed is not found by its key: the comparison above fails."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10)
    client = server.client(ana)
    paid = client.pay(ben, 1, key="committed")
    _settle_and_compare(client, ana, ben, {"committed": paid})
    with pytest.raises(AssertionError):
        _settle_and_compare(client, ana, ben, {"committed": paid, "never committed": paid})


def _settle_and_compare(client: Client, payer: Person, payee: Person, outcomes: dict[str, Reply | None]) -> None:
    """Send every open key again; then each key has made exactly one payment and says what was acknowledged."""
    unknown = [key for key, reply in outcomes.items() if reply is None]
    with ThreadPoolExecutor(CLIENTS) as pool:
        outcomes.update(zip(unknown, pool.map(lambda key: client.pay(payee, 1, key=key), unknown), strict=True))
    kept = {
        bytes(row.digest): (row.answer, row.object_id)
        for row in IdempotencyKey.objects.filter(party_id=payer.party_id, success=True)
    }
    payments = set(Payment.objects.filter(payer_id=payer.party_id).values_list("id", flat=True))
    told = {digest_of(key): reply.text for key, reply in outcomes.items() if reply is not None}
    assert {digest: answer for digest, (answer, _) in kept.items()} == told
    assert len(payments) == len(told)
    assert {payment for _, payment in kept.values()} == payments
