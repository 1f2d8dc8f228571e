"""A lane that hangs does not keep its clients for ever: the outcome is unknown, and the key settles it."""

import threading
from typing import Any
from unittest.mock import patch

import pytest

from paysettle.kernel import batch
from paysettle.kernel.lane import Lane
from paysettle.payments.api import payments
from tests.http import InProcess
from tests.money import balance
from tests.people import deposit, person

pytestmark = pytest.mark.money


def test_the_client_is_told_and_the_same_key_settles_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    body = {"payee": ben.handle, "amount": {"amount": 10, "currency": "EUR"}}
    go_on = threading.Event()
    run = batch.run

    def hanging(*arguments: Any, **options: Any) -> Any:
        go_on.wait(10)
        return run(*arguments, **options)

    lane = Lane(queue_max=10, deadline_s=10)
    monkeypatch.setattr(Lane, "wait_s", 0.3)
    monkeypatch.setattr(payments, "lane", lane)
    with patch.object(batch, "run", hanging):
        reply = InProcess(ana).post("/api/v1/payments", body, key="k")
        assert (reply.status, reply.document["code"]) == (503, "outcome_unknown")
        go_on.set()
        monkeypatch.setattr(Lane, "wait_s", 10)
        assert InProcess(ana).post("/api/v1/payments", body, key="k").status == 201
    lane.close()
    assert balance(ben) == 10
