"""R3: a request sent many times at once pays once, and everybody gets the same answer.

Fifty requests with one key are released together. Every fifth has another body: of the two bodies one wins, whichever
comes first, and the other is refused. Then the same while a proxy cuts every tenth connection somewhere.
"""

import os
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest
from urllib3.exceptions import HTTPError

from paysettle.kernel import batch
from paysettle.payments.models import Payment
from paysettle.payments.operations.send import send_payment
from paysettle.settlements.models import Settlement
from paysettle.settlements.operations.moves import move_settlement
from tests import cutter, spoilt
from tests.money import balance, books_are_right
from tests.orders import request_order
from tests.people import Person, deposit, payment_order, person
from tests.plugin import KIND
from tests.release import Request, released_together
from tests.safety import planted
from tests.server import Client, Reply, Server

pytestmark = pytest.mark.money

ROUNDS = 200 if os.environ.get("TEST_LONG") else 5
AT_ONCE = 50


def test_one_key_pays_once_and_all_get_the_same_answer(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 30 * ROUNDS)
    client = server.client(ana)
    spent = 0
    for _ in range(ROUNDS):
        key = secrets.token_hex(12)
        replies = released_together(server, [_payment(ana, ben, 20 if n % 5 else 30, key) for n in range(AT_ONCE)])
        paid = _one_success(replies, 201)
        amount_minor = paid.document["amount"]["amount"]
        assert Counter(reply.status for reply in replies)[201] == (40 if amount_minor == 20 else 10)
        assert client.get(f"/api/v1/payments?idempotency_key={key}").document["data"] == [paid.document]
        spent += amount_minor
    assert (balance(ana), balance(ben)) == (30 * ROUNDS - spent, spent)
    assert Payment.objects.filter(payer_id=ana.party_id).count() == ROUNDS
    books_are_right(ana, ben)


def test_one_key_pays_once_though_every_tenth_connection_is_cut(server: Server) -> None:
    """Whoever got no answer sends again, until there is one."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10 * ROUNDS)
    body = {"payee": ben.handle, "amount": {"amount": 10, "currency": "EUR"}}

    def until_answered(client: Client, key: str) -> str:
        for _ in range(20):
            with suppress(HTTPError):
                reply = client.post("/api/v1/payments", body, key=key)
                assert reply.status == 201
                return reply.text
        raise AssertionError("no answer came")

    with cutter.running(server.address) as proxy, ThreadPoolExecutor(AT_ONCE) as pool:
        proxy.share = 0.1
        for _ in range(ROUNDS):
            key = secrets.token_hex(12)
            sends = [pool.submit(until_answered, Client(proxy.address, ana), key) for _ in range(AT_ONCE)]
            assert len({sent.result() for sent in sends}) == 1
        assert proxy.cuts > ROUNDS
    assert (balance(ana), balance(ben)) == (0, 10 * ROUNDS)
    assert Payment.objects.filter(payer_id=ana.party_id).count() == ROUNDS
    books_are_right(ana, ben)


def test_one_key_asks_once_although_nothing_is_there_to_lock(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    for _ in range(ROUNDS):
        key = secrets.token_hex(12)
        replies = released_together(server, [_question(ana, ben, 20 if n % 5 else 30, key) for n in range(AT_ONCE)])
        asked = _one_success(replies, 201)
        found = server.client(ana).get(f"/api/v1/settlements?idempotency_key={key}").document["data"]
        assert found == [asked.document]
    assert Settlement.objects.filter(asker_id=ana.party_id).count() == ROUNDS


def test_a_refusal_is_the_same_for_all_too(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    key = secrets.token_hex(12)
    replies = released_together(server, [_payment(ana, ben, 10, key) for _ in range(AT_ONCE)])
    assert {(reply.status, reply.document["code"]) for reply in replies} == {(422, "insufficient_funds")}
    assert len({reply.text for reply in replies}) == 1
    deposit(ana, 10)
    assert server.client(ana).pay(ben, 10, key=key).text == replies[0].text


@pytest.mark.usefixtures("spoilt_database")
def test_control_without_keys_a_request_sent_twice_pays_twice() -> None:
    """Without keys two sends are two payments: the look-up above would find two."""
    ana, ben = person("ana"), person("ben")
    spoilt.deposit(ana, 100)
    orders = [payment_order(ana, ben, 10, key="one") for _ in range(2)]
    with planted.no_keys():
        answers = [batch.run(send_payment, [order])[0] for order in orders]
    assert len({spoilt.document(answer)["id"] for answer in answers}) == 2
    assert (balance(ana), balance(ben)) == (80, 20)


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite lets one transaction in at a time: there is nothing to race")
@pytest.mark.usefixtures("spoilt_database")
def test_control_without_its_primary_key_a_race_asks_twice() -> None:
    """A look-up alone cannot see a twin that has not committed: it is the primary key that decides the race."""
    ana, ben = person("ana"), person("ben")
    orders = [request_order(ana, ben, 10, key="one") for _ in range(8)]
    with planted.keys_without_a_primary_key(meet=len(orders)):
        outcomes = spoilt.at_once([partial(batch.run, move_settlement, [order]) for order in orders])
    assert len({spoilt.document(outcome)["id"] for [outcome] in outcomes}) == len(orders)


def _one_success(replies: list[Reply], status: int) -> Reply:
    """Return the answer that all successes have in common; the others name the object that the key made."""
    successes = [reply for reply in replies if reply.status == status]
    refused = [reply for reply in replies if reply.status != status]
    assert len({reply.text for reply in successes}) == 1
    assert sum("Idempotent-Replayed" not in reply.headers for reply in successes) <= 1
    assert {(r.status, r.document["code"], r.document["object_id"]) for r in refused} == {
        (422, "idempotency_key_reused", successes[0].document["id"])
    }
    return successes[0]


def _payment(by: Person, to: Person, amount_minor: int, key: str) -> Request:
    body = {"payee": to.handle, "amount": {"amount": amount_minor, "currency": "EUR"}}
    return "/api/v1/payments", by, body, {"Idempotency-Key": key}


def _question(by: Person, debtor: Person, amount_minor: int, key: str) -> Request:
    body = {"debtor": debtor.handle, "amount": {"amount": amount_minor, "currency": "EUR"}, "reason": "dinner"}
    return "/api/v1/settlements", by, body, {"Idempotency-Key": key}
