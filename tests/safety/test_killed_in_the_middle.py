"""R1: `kill -9` of server and worker, in the middle of a batch and under everything at once, loses and doubles nothing.

What was acknowledged is held against the books by `ledger verify --acknowledged`, from a log that the clients kept
outside of the system; what was not is sent again with its key.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db.models import Sum
from urllib3.exceptions import HTTPError

from paysettle.kernel import batch
from paysettle.kernel.errors import Unavailable
from paysettle.payments.models import Payment, PaymentBatch, PaymentBatchPart
from paysettle.payments.operations import bulk
from paysettle.payments.operations.bulk import BatchItem, submit_batch
from tests import spoilt, working
from tests.money import balance, books_are_right
from tests.moves import batch_of
from tests.people import Person, deposit, payment_order, person
from tests.safety import planted
from tests.safety.load import MixedLoad
from tests.server import Client, Server

pytestmark = pytest.mark.money

LONG = bool(os.environ.get("TEST_LONG"))
KILLS = 30 if LONG else 3
ACKNOWLEDGED = 20_000 if LONG else 2_000
LINES = 10_000 if LONG else 3_000
BATCHES = "/api/v1/payment-batches"


def test_a_batch_whose_server_and_worker_are_killed_is_finished_and_pays_once() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, LINES)
    items = [{"key": f"k{n}", "payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}} for n in range(LINES)]
    server = Server()
    server.start()
    try:
        sender = threading.Thread(target=_send_in_vain, args=(server.client(ana), items))
        sender.start()
        _wait(lambda: _paid(ana) > 0)
        server.kill()
        sender.join()
        after_server = _paid(ana)
        batch_id = PaymentBatch.objects.get(party_id=ana.party_id).id
        _let_the_claim_end(ana)
        with working.running("bulk") as worker:
            _wait(lambda: _paid(ana) > after_server)
            worker.kill()
        after_worker = _paid(ana)
        assert 0 < after_server < LINES
        assert after_server < after_worker
        server.start()
        _let_the_claim_end(ana)
        with working.running("bulk"):
            _wait(lambda: PaymentBatch.objects.filter(id=batch_id).exclude(finished_at=None).exists())
        again = server.client(ana).post(BATCHES, {"items": items}, key="batch")
        once_more = server.client(ana).post(BATCHES, {"items": items}, key="batch")
    finally:
        server.stop()
    assert (again.status, again.document["succeeded"], again.document["refused"]) == (200, LINES, 0)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert once_more.text == again.text
    assert len({item["payment"] for item in again.document["items"]}) == LINES
    assert _paid(ana) == LINES
    assert (balance(ana), balance(ben)) == (0, LINES)
    assert PaymentBatchPart.objects.filter(batch_id=batch_id).aggregate(n=Sum("succeeded"))["n"] == LINES
    books_are_right(ana, ben)


@pytest.mark.usefixtures("spoilt_database")
def test_control_without_keys_a_batch_that_is_carried_out_again_pays_twice() -> None:
    """The outcome of the first chunk is lost after its money moved: without keys it is paid once more."""
    ana, ben = person("ana"), person("ben")
    spoilt.deposit(ana, 100)
    items = [BatchItem(f"k{n}", payment_order(ana, ben, 1, key=f"k{n}"), None) for n in range(10)]
    order = batch_of(ana, items)
    [stored] = batch.run(submit_batch, [order])
    batch_id = PaymentBatch.objects.get(party_id=ana.party_id).id
    assert spoilt.code(stored) == "ok"
    with planted.no_keys():
        with patch.object(bulk, "_keep", side_effect=Unavailable()), pytest.raises(Unavailable):
            bulk.carry_out(batch_id)
        bulk.carry_out(batch_id)
    assert balance(ben) == 20


def test_everything_that_was_acknowledged_around_kills_is_there_once(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    people = [person(name) for name in ("ana", "ben", "cem", "dov")]
    for who in people:
        deposit(who, 10**6)
    server, worker = Server(), working.Worker("jobs", "bulk", "dispatch")
    server.start()
    worker.start()
    try:
        load = MixedLoad(server.address, people)
        with load.running():
            for kill in range(1, KILLS + 1):
                load.wait_for(kill * ACKNOWLEDGED // (KILLS + 1))
                server.kill()
                worker.kill()
                server.start()
                worker.start()
            load.wait_for(ACKNOWLEDGED)
        assert any(sent.reply is None for sent in load.sent)  # the kills did hit somebody
        load.settle()
        load.assert_replayed(payments=len(load.sent) if LONG else 100)
    finally:
        server.stop()
        worker.stop()
    told = load.write_log(tmp_path / "told.jsonl")
    assert told >= ACKNOWLEDGED
    assert sum(balance(who) for who in people) == len(people) * 10**6
    call_command("ledger", "verify", "--acknowledged", str(tmp_path / "told.jsonl"))
    books_are_right(*people)
    tell(f"{KILLS} kills, {told} payments acknowledged, {len(load.sent)} requests")


def test_control_a_payment_that_was_told_and_is_not_there_is_found(server: Server, tmp_path: Path) -> None:
    """A line about a payment that was never committed ends the verification with exit code 1."""
    people = [person(name) for name in ("ana", "ben")]
    for who in people:
        deposit(who, 100)
    load = MixedLoad(server.address, people, actions=["pay"])
    with load.running():
        load.wait_for(2)
    load.settle()
    load.write_log(file := tmp_path / "told.jsonl")
    call_command("ledger", "verify", "--acknowledged", str(file))
    file.write_text(file.read_text().replace('"key": "', '"key": "x', 1))
    with pytest.raises(SystemExit):
        call_command("ledger", "verify", "--acknowledged", str(file))


def _send_in_vain(client: Client, items: list[dict[str, object]]) -> None:
    """Send a batch whose answer will not come."""
    with pytest.raises(HTTPError):
        client.post(BATCHES, {"items": items}, key="batch")


def _paid(payer: Person) -> int:
    return Payment.objects.filter(payer_id=payer.party_id).count()


def _let_the_claim_end(payer: Person) -> None:
    """Let the half minute be over for which the batch belongs to the process that was killed."""
    batches = PaymentBatch.objects.filter(party_id=payer.party_id, finished_at=None)
    batches.update(claimed_until=batches.get().created_at)


def _wait(until: Callable[[], bool], *, timeout_s: float = 300 if LONG else 30) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not until():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.002)
