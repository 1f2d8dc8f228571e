"""A payment by API key takes no more round trips to the database than one in a session."""

from dataclasses import replace
from unittest.mock import patch

import pytest
from django.db import connection

from paysettle.kernel import batch, pipelining, transactions
from paysettle.kernel.idempotency import Answer
from paysettle.payments.operations.send import PaymentOrder, send_payment
from tests import machines
from tests.people import deposit, pay, payment_order, person

pytestmark = pytest.mark.money


def _round_trips(orders: list[PaymentOrder]) -> int:
    """Carry out a batch and return how many round trips it took."""
    with (
        patch.object(transactions, "_run_in_one", wraps=transactions._run_in_one) as sent,
        patch.object(pipelining, "send", wraps=pipelining.send) as sent_ahead,
    ):
        outcomes = batch.run(send_payment, orders)
    assert [isinstance(outcome, Answer) and outcome.status for outcome in outcomes] == [201] * len(orders)
    return sent.call_count + sent_ahead.call_count


def test_a_key_costs_no_round_trip_of_its_own() -> None:
    if connection.vendor != "mysql":
        pytest.skip("SQLite is in this process: there are no round trips")
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    pay(ana, ben, 1)  # opens ben's wallet
    by_key = machines.caller(machines.new_key(ana))

    def orders() -> list[PaymentOrder]:
        return [payment_order(ana, ben, 1) for _ in range(3)]

    assert _round_trips(orders()) == 3
    assert _round_trips([replace(order, by=by_key) for order in orders()]) == 3
    assert _round_trips([replace(order, by=by_key) for order in orders()] + orders()) == 3
