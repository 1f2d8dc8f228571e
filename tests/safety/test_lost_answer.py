"""R4: the connection is lost after a request was sent: the client cannot know, and the same key settles it, once.

A proxy between client and server cuts at every point of the answer: before its status line, within its head, within its
body. An answer that is not complete is none; sent again with the same key, the request is answered as it was the first
time, or carried out if it never arrived.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from urllib3.exceptions import HTTPError

from paysettle.payments.models import Payment, Refund
from paysettle.settlements.models import Settlement
from tests import cutter as cutters
from tests.cutter import AT_ONCE, EVERYWHERE, POINTS, UNFINISHED, Cutter
from tests.money import balance, books_are_right
from tests.people import Person, deposit, person
from tests.safety.load import MixedLoad
from tests.server import Client, Reply, Server

pytestmark = pytest.mark.money

LONG = bool(os.environ.get("TEST_LONG"))
ROUNDS = 50 if LONG else 3
LOADED_CUTS = 2_000 if LONG else 200
SHARE = 0.2


@pytest.fixture
def cutter(server: Server) -> Iterator[Cutter]:
    with cutters.running(server.address) as running:
        yield running


@pytest.mark.parametrize("where", EVERYWHERE)
def test_a_payment_whose_answer_is_lost_is_made_once(where: str, cutter: Cutter) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10 * ROUNDS)
    client = Client(cutter.address, ana)
    for _ in range(ROUNDS):
        key = secrets.token_hex(12)
        cutter.cut_next(where)
        with pytest.raises(HTTPError):
            client.pay(ben, 10, key=key)
        settled = client.pay(ben, 10, key=key)
        assert settled.status == 201
        if where != AT_ONCE:  # there the first may be on its way, done or dropped
            assert ("Idempotent-Replayed" in settled.headers) == (where != UNFINISHED)
        assert client.pay(ben, 10, key=key).text == settled.text
        assert client.get(f"/api/v1/payments?idempotency_key={key}").document["data"] == [settled.document]
    assert cutter.cuts == ROUNDS
    assert Payment.objects.filter(payer_id=ana.party_id).count() == ROUNDS
    assert (balance(ana), balance(ben)) == (0, 10 * ROUNDS)
    books_are_right(ana, ben)


@pytest.mark.parametrize("where", EVERYWHERE)
def test_every_move_whose_answer_is_lost_is_made_once(where: str, cutter: Cutter) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 1000)
    from_ana, from_ben = Client(cutter.address, ana), Client(cutter.address, ben)

    def once(by: Client, path: str, body: dict[str, Any] | None = None, **headers: str) -> Reply:
        key = secrets.token_hex(12)
        cutter.cut_next(where)
        with pytest.raises(HTTPError):
            by.post(path, body, key=key, **headers)
        settled = by.post(path, body, key=key, **headers)
        assert settled.status in {200, 201}, settled.text
        assert by.post(path, body, key=key, **headers).text == settled.text
        return settled

    held = once(from_ana, "/api/v1/payments", _to(ben, 100) | {"capture": "later"}).document["id"]
    once(from_ben, f"/api/v1/payments/{held}/captures", {"amount": _euro(30)})
    once(from_ben, f"/api/v1/payments/{held}/captures", {"amount": _euro(30)})
    once(from_ben, f"/api/v1/payments/{held}/refunds", {"amount": _euro(20)})
    once(from_ben, f"/api/v1/payments/{held}/release", {})
    asked = once(from_ben, "/api/v1/settlements", {"debtor": ana.handle, "amount": _euro(5), "reason": "dinner"})
    once(from_ana, f"/api/v1/settlements/{asked.document['id']}/approve", {}, **{"If-Match": '"1"'})
    assert (balance(ana), balance(ben)) == (1000 - 60 + 20 - 5, 60 - 20 + 5)
    assert Payment.objects.filter(payer_id=ana.party_id).count() == 1
    assert Refund.objects.filter(payment__payer_id=ana.party_id).count() == 1
    assert Settlement.objects.filter(asker_id=ben.party_id).count() == 1
    books_are_right(ana, ben)


def test_under_load_all_that_was_lost_is_settled(cutter: Cutter, tmp_path: Path, tell: Callable[[str], None]) -> None:
    people = [person(name) for name in ("ana", "ben", "cem")]
    for who in people:
        deposit(who, 10**6)
    load = MixedLoad(cutter.address, people)
    cutter.share = SHARE
    with load.running():
        while cutter.cuts < LOADED_CUTS:
            load.wait_for(load.acknowledged + 1)
    cutter.share = 0
    lost = sum(sent.reply is None for sent in load.sent)
    assert lost == cutter.cuts
    load.settle()
    load.assert_replayed(payments=100)
    told = load.write_log(tmp_path / "told.jsonl")
    assert sum(balance(who) for who in people) == len(people) * 10**6
    call_command("ledger", "verify", "--acknowledged", str(tmp_path / "told.jsonl"))
    books_are_right(*people)
    tell(f"{lost} answers lost, {told} payments acknowledged")


@pytest.mark.parametrize("where", POINTS)
def test_control_sent_again_with_another_key_it_is_paid_twice(where: str, cutter: Cutter) -> None:
    """To the server another key is another payment: it had carried out the first one before the cut."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    client = Client(cutter.address, ana)
    cutter.cut_next(where)
    with pytest.raises(HTTPError):
        client.pay(ben, 10)
    assert client.pay(ben, 10).status == 201
    assert balance(ben) == 20


def _to(payee: Person, amount_minor: int) -> dict[str, Any]:
    return {"payee": payee.handle, "amount": _euro(amount_minor)}


def _euro(amount_minor: int) -> dict[str, Any]:
    return {"amount": amount_minor, "currency": "EUR"}
