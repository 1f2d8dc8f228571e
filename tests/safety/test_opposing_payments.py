"""R23: payments around rings in opposing order, one by one and whole rings at once, never show anybody a deadlock.

Locks are taken in one order everywhere, so that hardly any deadlock happens; what the database rolls back all the
same is run again.
"""

import os
import random
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connections

from paysettle.kernel import batch, transactions
from paysettle.kernel.transactions import Contended, Reply, Transaction
from paysettle.ledger import accounts
from paysettle.ledger.rules import Transfer
from paysettle.payments.operations.send import PaymentOrder, send_payment
from tests import spoilt
from tests.groups import post
from tests.money import balance, books_are_right
from tests.people import Person, deposit, payment_order, person
from tests.plugin import KIND
from tests.server import Server

pytestmark = pytest.mark.money

THREADS, GROUP_THREADS = 16, 4
LAPS = 400 if os.environ.get("TEST_LONG") else 5


def test_opposing_rings_give_no_error(server: Server) -> None:
    ring = [person(f"p{n}") for n in range(8)]
    for somebody in ring:
        deposit(somebody, 1_000_000)
    clients = [server.client(somebody) for somebody in ring]
    log_before = server.log.stat().st_size

    def go_round(number: int) -> Counter[int]:
        dice = random.Random(number)
        found: Counter[int] = Counter()
        for _ in range(LAPS):
            size = dice.randint(2, 8)
            step = 1 if number % 2 else -1
            start = dice.randrange(size)
            for place in range(start, start + size * step, step):
                found[clients[place % size].pay(ring[(place + step) % size], 1).status] += 1
        return found

    with ThreadPoolExecutor(THREADS + GROUP_THREADS) as pool:
        paid = threading.Event()
        groups = [pool.submit(_post_rings, ring, number, paid) for number in range(GROUP_THREADS)]
        try:
            statuses = sum(pool.map(go_round, range(THREADS)), Counter())
        finally:
            paid.set()
    assert min(posted.result() for posted in groups) > LAPS
    assert set(statuses) == {201}
    assert sum(balance(somebody) for somebody in ring) == 8_000_000
    books_are_right(*ring)
    retries = server.log.read_bytes()[log_before:].count(b'"event":"transaction_failed"')
    assert retries <= 0.05 * statuses[201]


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite lets one transaction in at a time: it has no deadlocks")
@pytest.mark.usefixtures("spoilt_database")
def test_control_locks_in_opposing_order_deadlock() -> None:
    """With locks taken one by one in the payer's order two payments deadlock: without the retry one gets an error."""
    ana, ben = person("ana"), person("ben")
    spoilt.deposit(ana, 100)
    spoilt.deposit(ben, 100)
    orders = [payment_order(ana, ben, 10), payment_order(ben, ana, 10)]
    with patch.object(transactions, "Transaction", OneByOne):
        codes = sorted(spoilt.at_once([partial(_pay_without_retry, order) for order in orders]))
    assert codes == ["ok", Contended.code]
    books_are_right(ana, ben)


def _post_rings(ring: Sequence[Person], number: int, paid: threading.Event) -> int:
    """Post groups of several transfers, each a whole ring in one direction, until all is paid; return how many."""
    wallets = [accounts.wallet(somebody.party_id, "EUR") for somebody in ring]
    dice = random.Random(number)
    posted = 0
    try:
        while not paid.is_set():
            places = wallets[: dice.randint(2, 8)][:: 1 if number % 2 else -1]
            ways = zip(places, [*places[1:], places[0]], strict=True)
            post(*[Transfer(debit, credit, dice.randint(1, 9)) for debit, credit in ways])
            posted += 1
    finally:
        connections.close_all()
    return posted


def _pay_without_retry(order: PaymentOrder) -> str:
    try:
        [outcome] = batch._run(send_payment, [order])
    except Contended as refusal:
        return refusal.code
    return spoilt.code(outcome)


class OneByOne(Transaction):
    """Locks accounts one by one, every second transaction in the opposite order; two hold one before they go on."""

    meet = threading.Barrier(2)
    turns = iter(range(1000))

    def ask(self, sql: str, values: Iterable[Any], parameters: Sequence[Any] = ()) -> Reply:
        wanted = sorted(set(values))
        if "FROM ledger_account" not in sql:
            return super().ask(sql, wanted, parameters)
        first, *others = wanted[:: -1 if next(self.turns) % 2 else 1]
        rows = self.fetch_in(sql, [first], parameters)
        self.meet.wait(timeout=10)
        reply = Reply(self, [])
        reply.come(rows + [row for other in others for row in self.fetch_in(sql, [other], parameters)])
        return reply
