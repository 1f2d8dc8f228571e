"""R5: requests that land together spend money once.

All but the last byte of each request is sent, then the last bytes are released together (last-byte synchronisation),
so that the requests meet in the database and not in the sender.
"""

import os
from collections import Counter
from functools import partial

import pytest

from paysettle.kernel import batch
from paysettle.payments.operations.send import send_payment
from tests import spoilt
from tests.money import balance, books_are_right
from tests.people import deposit, payment_order, person
from tests.plugin import KIND
from tests.release import released_together
from tests.safety import planted
from tests.server import Server

pytestmark = pytest.mark.money

ROUNDS, AT_ONCE = (200, 64) if os.environ.get("TEST_LONG") else (10, 32)


def test_payments_released_together_spend_what_is_there(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    for _ in range(ROUNDS):
        deposit(ana, 100)
        before = balance(ben)
        replies = released_together(
            server,
            [
                ("/api/v1/payments", ana, {"payee": ben.handle, "amount": {"amount": 10, "currency": "EUR"}}, {})
                for _ in range(AT_ONCE)
            ],
        )
        assert Counter(reply.status for reply in replies) == {201: 10, 422: AT_ONCE - 10}
        assert (balance(ana), balance(ben) - before) == (0, 100)
    books_are_right(ana, ben)


def test_approvals_released_together_pay_once(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ben, ROUNDS * 1000)
    for turn in range(ROUNDS):
        asked = server.client(ana).ask(ben, 10).document
        path = f"/api/v1/settlements/{asked['id']}/approve"
        replies = released_together(server, [(path, ben, {}, {"If-Match": '"1"'}) for _ in range(AT_ONCE)])
        assert Counter(reply.status for reply in replies) == {200: 1, 409: AT_ONCE - 1}
        assert balance(ana) == 10 * (turn + 1)
    books_are_right(ana, ben)


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite lets one transaction in at a time: nothing can read in between")
@pytest.mark.usefixtures("spoilt_database")
def test_control_without_locks_money_is_spent_twice() -> None:
    """Without row locks and guards both payments see the same money: the counts above would not be 10."""
    ana, ben = person("ana"), person("ben")
    spoilt.deposit(ana, 10)
    orders = [payment_order(ana, ben, 10) for _ in range(2)]
    with planted.naive_transactions(meet=2):
        outcomes = spoilt.at_once([partial(batch.run, send_payment, [order]) for order in orders])
    assert [spoilt.code(outcome) for [outcome] in outcomes] == ["ok", "ok"]
    with pytest.raises(AssertionError):
        books_are_right(ana, ben)
