"""R5, MR15: approvals that land together let a payment pass once, and never with fewer people than it needs.

All but the last byte of each request is sent, then the last bytes are released together.
"""

import os
from collections import Counter
from dataclasses import dataclass
from unittest.mock import patch

import pytest

from paysettle.identity.roles import Role
from paysettle.kernel import batch, identifiers
from paysettle.ledger import queries as ledger
from paysettle.payments.lifecycle import Verb
from paysettle.payments.models import Payment, PaymentApproval
from paysettle.payments.operations import moves
from paysettle.payments.operations.moves import move_payment
from paysettle.payments.operations.send import send_payment
from tests import spoilt
from tests.approvals import policy
from tests.companies import company
from tests.money import balance, books_are_right
from tests.moves import move_order
from tests.people import Person, deposit, payment_order, person
from tests.release import Request, released_together
from tests.server import Server

pytestmark = pytest.mark.money

ROUNDS = 100 if os.environ.get("TEST_LONG") else 6
APPROVERS = 6
EACH = 4
"""How often each of them sends it, with a new key each time."""


@dataclass(frozen=True)
class Firm:
    """A company whose payments need three approvals, who makes them, who approves them, and whom they pay."""

    id: str
    maker: Person
    approvers: list[Person]
    ben: Person

    def decide(self, by: Person, verb: str, payment: str) -> Request:
        return f"/api/v1/payments/{payment}/{verb}", by, {}, {"Acting-Party": self.id}

    def pay(self) -> str:
        [made] = batch.run(send_payment, [payment_order(self.maker, self.ben, 10)])
        return str(spoilt.document(made)["id"])

    @property
    def held(self) -> int:
        return sum(wallet.held.amount_minor for wallet in ledger.wallets(self.maker.party_id))


def firm() -> Firm:
    made = company(person("olga"))
    policy(made, (1, 3))
    joined = [made.join(person("april"), Role.APPROVER) for _ in range(APPROVERS)]
    return Firm(made.id, made.acted_for_by(made.owner), joined, person("ben"))


def state(payment: str) -> str:
    return Payment.objects.get(id=identifiers.parse("pay", payment)).state


def approvers_of(payment: str) -> list[object]:
    rows = PaymentApproval.objects.filter(payment_id=identifiers.parse("pay", payment), decision="approved")
    return list(rows.values_list("person_id", flat=True))


def test_it_passes_once_with_as_many_people_as_it_needs(server: Server) -> None:
    it = firm()
    deposit(it.maker, 10 * ROUNDS)
    for turn in range(1, ROUNDS + 1):
        payment = it.pay()
        race = [it.decide(by, "approve", payment) for by in it.approvers * EACH]
        race += [it.decide(it.maker, "approve", payment) for _ in range(EACH)]
        codes = Counter(
            "ok" if reply.status == 200 else reply.document["code"] for reply in released_together(server, race)
        )
        assert codes["ok"] == 3
        assert set(codes) <= {"ok", "already_decided", "payment_not_pending", "own_payment"}
        approved_by = approvers_of(payment)
        assert len(approved_by) == len(set(approved_by)) == 3
        assert it.maker.user.id not in approved_by
        assert (state(payment), balance(it.ben), it.held) == ("completed", 10 * turn, 0)
    books_are_right(it.maker, it.ben)


def test_of_approval_rejection_and_withdrawal_one_comes_first(server: Server) -> None:
    it = firm()
    deposit(it.maker, 10 * ROUNDS)
    paid = 0
    for turn in range(ROUNDS):
        payment = it.pay()
        race = [it.decide(by, "approve", payment) for by in it.approvers[:4]]
        race += [it.decide(it.approvers[4], "reject", payment), it.decide(it.maker, "withdraw", payment)]
        replies = released_together(server, race[turn:] + race[:turn])
        endings = [reply.document["state"] for reply in replies if reply.status == 200]
        ended = [one for one in endings if one != "pending_approval"]
        assert ended == [state(payment)]
        paid += 10 * (ended == ["completed"])
        assert (balance(it.ben), it.held) == (paid, 0)
    books_are_right(it.maker, it.ben)


@pytest.mark.usefixtures("spoilt_database")
def test_control_who_counts_requests_and_not_people_is_refused_by_the_database() -> None:
    """The rule taken away, the two nets below it hold: nobody is counted twice, nor the maker."""
    it = firm()
    spoilt.deposit(it.maker, 10)
    payment = it.pay()
    orders = [move_order(it.approvers[0], Verb.APPROVE, payment) for _ in range(3)]
    with patch.object(moves, "check_decision", lambda *_, **__: None):
        codes = [spoilt.code(batch.run(move_payment, [order])[0]) for order in orders]
        codes += [spoilt.code(batch.run(move_payment, [move_order(it.maker, Verb.APPROVE, payment)])[0])]
    assert codes == ["ok", "internal_error", "internal_error", "internal_error"]
    assert (state(payment), balance(it.ben)) == ("pending_approval", 0)


@pytest.mark.usefixtures("spoilt_database")
def test_control_a_batch_that_forgets_who_has_approved_never_lets_it_pass() -> None:
    """Three approvals in one batch, each judged by what was read: the payment above would wait for ever."""
    it = firm()
    spoilt.deposit(it.maker, 20)
    for kept, after in ((True, "completed"), (False, "pending_approval")):
        payment = it.pay()
        orders = [move_order(by, Verb.APPROVE, payment) for by in it.approvers[:3]]
        with patch.object(moves._MoveBook, "_approved_by", moves._MoveBook._approved_by if kept else _Forgetful()):
            batch.run(move_payment, orders)
        assert state(payment) == after


class _Forgetful(dict[object, set[object]]):
    """Never keeps what is put in."""

    def setdefault(self, _key: object, _default: set[object] | None = None) -> set[object]:
        return set()
