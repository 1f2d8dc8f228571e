"""R5, R18: captures and refunds that land together move what is there once, and never more than was captured.

All but the last byte of each request is sent, then the last bytes are released together. The refunds of twenty workers
are sent twice each with the same key: each key has one outcome, and what succeeds adds up to no more than was captured.
"""

import os
import secrets
from collections import Counter
from functools import partial

import pytest

from paysettle.kernel import batch, identifiers
from paysettle.ledger import queries as ledger
from paysettle.payments.lifecycle import Verb
from paysettle.payments.models import Refund
from paysettle.payments.operations.moves import MovePayment, move_payment, refund_payment
from paysettle.payments.operations.send import send_payment
from tests import spoilt
from tests.money import balance, books_are_right
from tests.moves import authorise, authorise_order, move_order
from tests.people import Person, deposit, pay, payment_order, person
from tests.plugin import KIND
from tests.release import Request, released_together
from tests.safety import planted
from tests.server import Reply, Server

pytestmark = pytest.mark.money

ROUNDS, AT_ONCE = (200, 64) if os.environ.get("TEST_LONG") else (10, 32)
WORKERS = 20


def test_refunds_of_one_payment_released_together_pay_back_once(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    for _ in range(ROUNDS):
        payment = pay(ana, ben, 100).document()["id"]
        replies = released_together(server, [_refund(ben, payment) for _ in range(AT_ONCE)])
        assert _codes(replies) == {"ok": 1, "refund_exceeds_payment": AT_ONCE - 1}
        assert (balance(ana), balance(ben)) == (100, 0)
    books_are_right(ana, ben)


def test_captures_of_one_hold_released_together_take_it_once(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100 * ROUNDS)
    for turn in range(1, ROUNDS + 1):
        payment = authorise(ana, ben, 100).document()["id"]
        replies = released_together(server, [_capture(ben, payment) for _ in range(AT_ONCE)])
        assert _codes(replies) == {"ok": 1, "payment_not_authorised": AT_ONCE - 1}
        assert (balance(ana), balance(ben)) == (100 * (ROUNDS - turn), 100 * turn)
    books_are_right(ana, ben)


def test_parts_of_one_hold_and_its_release_never_take_more_than_is_held(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100 * ROUNDS)
    for turn in range(ROUNDS):
        before = balance(ben)
        payment = authorise(ana, ben, 100).document()["id"]
        race = [_capture(ben, payment, 30) for _ in range(AT_ONCE)]
        race.insert(turn % AT_ONCE, _release(ben, payment))
        replies = released_together(server, race)
        released = replies.pop(turn % AT_ONCE)
        taken = _codes(replies)["ok"]
        assert released.status == 200
        assert taken <= 3
        assert balance(ben) - before == 30 * taken
        assert _held(ana) == 0
    books_are_right(ana, ben)


def test_refunds_of_twenty_workers_never_add_up_to_more_than_was_captured(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    for _ in range(ROUNDS):
        payment = pay(ana, ben, 100).document()["id"]
        keys = [secrets.token_hex(12) for _ in range(WORKERS)] * 2
        replies = released_together(server, [_refund(ben, payment, 7, key) for key in keys])
        by_key = {key: {r.text for k, r in zip(keys, replies, strict=True) if k == key} for key in keys}
        assert {len(texts) for texts in by_key.values()} == {1}  # both sends of a key have the same outcome
        assert _codes(replies) == {"ok": 2 * 14, "refund_exceeds_payment": 2 * 6}  # 14 times 7 of 100
        assert Refund.objects.filter(payment_id=identifiers.parse("pay", payment)).count() == 14
        assert balance(ana) == 98
        assert server.client(ben).post(f"/api/v1/payments/{payment}/refunds").status == 201  # the 2 that are left
    books_are_right(ana, ben)


@pytest.mark.usefixtures("spoilt_database")
@pytest.mark.parametrize("what", [Verb.CAPTURE, Verb.REFUND])
def test_control_without_keys_what_is_sent_twice_is_moved_twice(what: Verb) -> None:
    """Without keys both sends of a part are carried out: a key would have two outcomes, and 14 would be 7."""
    ana, ben = person("ana"), person("ben")
    spoilt.deposit(ana, 100)
    payment = _made(ana, ben, what)
    with planted.no_keys():
        outcomes = [batch.run(_operation(what), [move_order(ben, what, payment, 7, key="one")])[0] for _ in range(2)]
    assert [spoilt.code(outcome) for outcome in outcomes] == ["ok", "ok"]
    assert balance(ben) == (14 if what is Verb.CAPTURE else 86)


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite lets one transaction in at a time: nothing can read in between")
@pytest.mark.usefixtures("spoilt_database")
@pytest.mark.parametrize("what", [Verb.CAPTURE, Verb.REFUND])
def test_control_without_locks_it_is_moved_twice(what: Verb) -> None:
    """Without row locks and guards both see all of the money: the counts above would be two successes."""
    ana, ben = person("ana"), person("ben")
    spoilt.deposit(ana, 100)
    payment = _made(ana, ben, what)
    orders = [move_order(ben, what, payment) for _ in range(2)]
    with planted.naive_transactions(meet=2):
        outcomes = spoilt.at_once([partial(batch.run, _operation(what), [order]) for order in orders])
    assert [spoilt.code(outcome) for [outcome] in outcomes] == ["ok", "ok"]
    with pytest.raises(AssertionError):
        books_are_right(ana, ben)


def _made(ana: Person, ben: Person, what: Verb) -> str:
    """Make what can be captured or refunded, without the lane."""
    order = authorise_order(ana, ben, 100) if what is Verb.CAPTURE else payment_order(ana, ben, 100)
    [made] = batch.run(send_payment, [order])
    return str(spoilt.document(made)["id"])


def _operation(what: Verb) -> MovePayment:
    return move_payment if what is Verb.CAPTURE else refund_payment


def _codes(replies: list[Reply]) -> Counter[str]:
    return Counter("ok" if reply.status < 400 else reply.document["code"] for reply in replies)


def _held(of: Person) -> int:
    return sum(wallet.held.amount_minor for wallet in ledger.wallets(of.party_id))


def _amount(amount_minor: int | None) -> dict[str, object]:
    return {} if amount_minor is None else {"amount": {"amount": amount_minor, "currency": "EUR"}}


def _capture(by: Person, payment: str, amount_minor: int | None = None) -> Request:
    return f"/api/v1/payments/{payment}/captures", by, _amount(amount_minor), {}


def _release(by: Person, payment: str) -> Request:
    return f"/api/v1/payments/{payment}/release", by, {}, {}


def _refund(by: Person, payment: str, amount_minor: int | None = None, key: str = "") -> Request:
    headers = {"Idempotency-Key": key} if key else {}
    return f"/api/v1/payments/{payment}/refunds", by, _amount(amount_minor), headers
