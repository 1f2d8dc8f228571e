"""`/readyz` tells when the lane does not go on, and when it does again."""

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client

from paysettle.kernel import batch
from paysettle.kernel.batch import Outcome
from paysettle.kernel.lane import Lane
from paysettle.payments.operations.send import send_payment
from paysettle.web import health
from tests.money import balance
from tests.people import deposit, payment_order, person


@pytest.mark.parametrize(
    ("wait_s", "told"),
    [pytest.param(0.1, (503, "stuck"), id="too long"), pytest.param(60, (200, "alive"), id="control: not too long")],
)
def test_a_batch_that_takes_too_long_is_told(wait_s: float, told: tuple[int, str]) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    begun, go_on, run = threading.Event(), threading.Event(), batch.run

    def held(*arguments: Any, **named: Any) -> Sequence[Outcome]:
        begun.set()
        go_on.wait(30)
        return run(*arguments, **named)

    with closing(Lane(queue_max=10, deadline_s=20)) as lane, patch.dict(health._PARTS, lane=lane.state):
        assert _ready() == (200, "not started")
        with patch.object(batch, "run", held), patch.object(Lane, "wait_s", wait_s):
            waiting = lane.submit(send_payment, payment_order(ana, ben, 10))
            assert begun.wait(20)
            time.sleep(0.2)
            assert _ready() == told
            go_on.set()
            assert waiting.result(timeout=20).status == 201
        assert _ready() == (200, "alive")
    assert balance(ben) == 10


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_lane_whose_thread_has_died_is_told() -> None:
    ana, ben = person("ana"), person("ben")
    with closing(Lane(queue_max=10, deadline_s=20)) as lane, patch.dict(health._PARTS, lane=lane.state):
        with patch.object(lane, "_drain", side_effect=SystemExit):
            lane.submit(send_payment, payment_order(ana, ben, 10))
            assert lane._thread is not None
            lane._thread.join(20)
        assert _ready() == (503, "dead")


def _ready() -> tuple[int, str]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()["parts"]["lane"]
