"""What a member may not send alone waits, its money on hold, until enough others of the organisation have approved."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from unittest.mock import patch

import pytest

from paysettle.identity.blocks import Blocks
from paysettle.identity.caller import Caller
from paysettle.identity.operations import contacts, members, parties
from paysettle.identity.roles import Permission, Role
from paysettle.kernel import identifiers
from paysettle.kernel.errors import DomainError
from paysettle.kernel.idempotency import Answer
from paysettle.kernel.identifiers import SYSTEM
from paysettle.kernel.lane import lane
from paysettle.ledger import queries as ledger
from paysettle.payments import queries
from paysettle.payments.models import Payment, PaymentApproval
from paysettle.payments.operations.expiry import expire_due
from paysettle.payments.operations.moves import move_payment
from paysettle.payments.operations.preview import preview
from paysettle.settlements.lifecycle import Verb
from paysettle.settlements.operations.moves import move_settlement
from tests import machines, spoilt
from tests.approvals import approve, let_it_be_late, limit, policy, reject, withdraw
from tests.companies import Company, company, send
from tests.money import balance, books_are_right
from tests.moves import authorise, capture, expire_order, refund, release
from tests.people import Person, deposit, pay, payment_order, person
from tests.safety.rows import contents_of
from tests.settle import approve as approve_settlement
from tests.settle import ask, decision_order

pytestmark = pytest.mark.money


OPERATOR = Caller(party_id=SYSTEM, operator="tests")


@dataclass(frozen=True)
class Firm:
    """A company with 1000, whose payer may send 100 at once and 200 a day alone; ben is paid."""

    company: Company
    owner: Person
    admin: Person
    approver: Person
    payer: Person
    ben: Person


@pytest.fixture
def firm() -> Firm:
    olga, ben = person("olga"), person("ben")
    made = company(olga)
    owner = made.acted_for_by(olga)
    admin, approver, payer = (made.join(person(role.value), role) for role in (Role.ADMIN, Role.APPROVER, Role.PAYER))
    deposit(owner, 1000)
    found = Firm(made, owner, admin, approver, payer, ben)
    limit(made, found.payer, per_payment=100, per_day=200)
    return found


def held(of: Person) -> int:
    return sum(wallet.held.amount_minor for wallet in ledger.wallets(of.party_id))


def pending(firm: Firm, amount_minor: int = 150) -> str:
    answer = pay(firm.payer, firm.ben, amount_minor)
    assert (answer.status, answer.document()["state"]) == (201, "pending_approval")
    return str(answer.document()["id"])


def state(payment: str) -> str:
    return Payment.objects.get(id=identifiers.parse("pay", payment)).state


def refused(call: Callable[[], Answer]) -> str:
    """Return the code of a refusal, stored or not."""
    try:
        return str(call().document()["code"])
    except DomainError as refusal:
        return refusal.code


def test_below_the_limits_it_is_paid_at_once(firm: Firm) -> None:
    answer = pay(firm.payer, firm.ben, 100)
    assert (answer.document()["state"], answer.document()["approval"]) == ("completed", None)
    assert (balance(firm.ben), held(firm.owner)) == (100, 0)


def test_above_the_limit_of_a_payment_it_waits_and_its_money_is_held(firm: Firm) -> None:
    document = pay(firm.payer, firm.ben, 101).document()
    assert document["approval"] == {"needed": 1, "approved": 0, "reason": "payment_limit"}
    assert (balance(firm.ben), balance(firm.owner), held(firm.owner)) == (0, 1000, 101)
    books_are_right(firm.owner, firm.ben)


def test_above_the_limit_of_the_day_it_waits(firm: Firm) -> None:
    assert [pay(firm.payer, firm.ben, n).document()["state"] for n in (100, 60)] == ["completed", "completed"]
    assert pay(firm.payer, firm.ben, 41).document()["approval"]["reason"] == "day_limit"
    # What waits is not counted: others answer for it.
    assert pay(firm.payer, firm.ben, 40).document()["state"] == "completed"
    assert balance(firm.ben) == 200


def test_what_is_held_counts_and_does_not_come_back(firm: Firm) -> None:
    authorised = [authorise(firm.payer, firm.ben, 100).document() for _ in range(2)]
    assert [one["state"] for one in authorised] == ["authorised", "authorised"]
    release(firm.ben, authorised[0]["id"])
    assert pay(firm.payer, firm.ben, 1).document()["state"] == "pending_approval"


def test_others_and_other_currencies_have_no_limit(firm: Firm) -> None:
    deposit(firm.owner, 500, "USD")
    assert pay(firm.admin, firm.ben, 300).document()["state"] == "completed"
    assert pay(firm.payer, firm.ben, 300, "USD").document()["state"] == "completed"


def test_nobody_has_a_limit_for_themself(firm: Firm) -> None:
    """The limit is one in the company, not of the person."""
    alone = replace(firm.payer, party_id=firm.payer.user.own_party_id)
    deposit(alone, 500)
    assert pay(alone, firm.ben, 500).document()["state"] == "completed"


def test_an_approver_lets_it_pass(firm: Firm) -> None:
    payment = pending(firm)
    answer = approve(firm.approver, payment)
    assert (answer.document()["state"], answer.document()["captured"]["amount"]) == ("completed", 150)
    assert answer.document()["approval"] == {"needed": 1, "approved": 1, "reason": "payment_limit"}
    assert answer.document()["expires_at"] is None
    assert (balance(firm.ben), balance(firm.owner), held(firm.owner)) == (150, 850, 0)
    # It does not count on the payer's day.
    assert [pay(firm.payer, firm.ben, 100).document()["state"] for _ in range(2)] == ["completed", "completed"]
    refund(firm.ben, payment, 50)
    books_are_right(firm.owner, firm.ben)


def test_the_same_key_approves_once(firm: Firm) -> None:
    policy(firm.company, (1, 2))
    payment = pending(firm)
    first, again = (approve(firm.approver, payment, key="k") for _ in range(2))
    assert (again.text, again.replayed) == (first.text, True)
    assert state(payment) == "pending_approval"


def test_a_key_of_another_person_is_no_approval_of_ones_own(firm: Firm) -> None:
    """Control: where the request does not name its person, the second approval is taken for the first again."""
    policy(firm.company, (1, 2))
    path = f"/api/v1/payments/{pending(firm)}/approve"
    assert send(firm.approver, "POST", path, **{"Idempotency-Key": "same"}).status == 200
    other = send(firm.admin, "POST", path, **{"Idempotency-Key": "same"})
    assert (other.status, other.document["code"]) == (422, "idempotency_key_reused")
    with patch("paysettle.payments.api.moves.DECISIONS", set()):
        path = f"/api/v1/payments/{pending(firm)}/approve"
        replies = [send(who, "POST", path, **{"Idempotency-Key": "k"}) for who in (firm.approver, firm.admin)]
    assert replies[0].text == replies[1].text
    assert '"approved":1' in replies[1].text


def test_nobody_approves_their_own(firm: Firm) -> None:
    """Control: without the question the database refuses the row."""
    policy(firm.company, (100, 1))
    payment = str(pay(firm.admin, firm.ben, 150).document()["id"])
    for decide in (approve, reject):
        assert refused(lambda decide=decide: decide(firm.admin, payment)) == "own_payment"  # type: ignore[misc]
    assert state(payment) == "pending_approval"
    with patch("paysettle.payments.operations.moves.check_decision", lambda *_, **__: None):
        assert refused(lambda: approve(firm.admin, payment)) == "internal_error"
    assert (state(payment), balance(firm.ben)) == ("pending_approval", 0)


def test_as_many_as_are_needed_and_each_once(firm: Firm) -> None:
    policy(firm.company, (100, 1), (150, 3))
    payment = pending(firm)
    assert approve(firm.approver, payment).document()["approval"] == {
        "needed": 3,
        "approved": 1,
        "reason": "payment_limit",
    }
    assert refused(lambda: approve(firm.approver, payment)) == "already_decided"
    assert approve(firm.admin, payment).document()["state"] == "pending_approval"
    assert balance(firm.ben) == 0
    assert approve(firm.owner, payment).document()["state"] == "completed"
    assert balance(firm.ben) == 150
    assert PaymentApproval.objects.filter(payment_id=identifiers.parse("pay", payment)).count() == 3


def test_who_decided_is_told_to_the_payer_alone(firm: Firm) -> None:
    policy(firm.company, (100, 2))
    payment = pending(firm)
    path = f"/api/v1/payments/{payment}/approvals"
    assert send(firm.payer, "GET", path).document["data"] == []
    approve(firm.approver, payment)
    approve(firm.admin, payment)
    found = send(firm.payer, "GET", path).document["data"]
    assert [(one["person"]["handle"], one["decision"]) for one in found] == [
        (firm.admin.user.username, "approved"),
        (firm.approver.user.username, "approved"),
    ]
    assert send(firm.ben, "GET", path.removesuffix("/approvals")).status == 200
    for stranger in (firm.ben, person("eva")):
        assert send(stranger, "GET", path).status == 404


def test_control_without_the_question_the_database_counts_nobody_twice(firm: Firm) -> None:
    policy(firm.company, (100, 2))
    payment = pending(firm)
    approve(firm.approver, payment)
    with patch("paysettle.payments.operations.moves.check_decision", lambda *_, **__: None):
        assert refused(lambda: approve(firm.approver, payment)) == "internal_error"
    assert (state(payment), balance(firm.ben)) == ("pending_approval", 0)


@pytest.mark.parametrize(("amount_minor", "needed"), [(99, None), (100, 1), (499, 1), (500, 2), (501, 2)], ids=str)
def test_a_rule_holds_for_everybody_from_its_amount_on(firm: Firm, amount_minor: int, needed: int | None) -> None:
    policy(firm.company, (500, 2), (100, 1))
    document = pay(firm.owner, firm.ben, amount_minor).document()
    approval = None if needed is None else {"needed": needed, "approved": 0, "reason": "rule"}
    assert document["approval"] == approval
    assert document["state"] == ("completed" if needed is None else "pending_approval")


def test_a_new_policy_does_not_touch_what_waits(firm: Firm) -> None:
    payment = pending(firm)
    policy(firm.company, (1, 3))
    assert approve(firm.approver, payment).document()["state"] == "completed"


def test_one_rejection_ends_it_even_by_who_has_approved(firm: Firm) -> None:
    policy(firm.company, (100, 2))
    payment = pending(firm)
    approve(firm.approver, payment)
    assert reject(firm.approver, payment).document()["state"] == "rejected"
    assert (balance(firm.ben), held(firm.owner)) == (0, 0)
    for late in (approve, reject, withdraw):
        by = firm.payer if late is withdraw else firm.admin
        assert refused(lambda late=late, by=by: late(by, payment)) == "payment_not_pending"  # type: ignore[misc]


def test_its_maker_alone_withdraws_it(firm: Firm) -> None:
    payment = pending(firm)
    assert refused(lambda: withdraw(firm.admin, payment)) == "not_the_maker"
    assert withdraw(firm.payer, payment).document()["state"] == "withdrawn"
    assert held(firm.owner) == 0


def test_it_lapses(firm: Firm) -> None:
    payment = pending(firm)
    with pytest.raises(DomainError, match="has not expired yet"):
        lane.call(move_payment, expire_order(payment))
    let_it_be_late(payment)
    assert refused(lambda: approve(firm.approver, payment)) == "approval_too_late"
    while expire_due():
        pass
    assert (state(payment), held(firm.owner), balance(firm.ben)) == ("lapsed", 0, 0)
    assert refused(lambda: approve(firm.approver, payment)) == "payment_not_pending"


def test_control_without_the_deadline_the_hold_still_refuses(firm: Firm) -> None:
    payment = pending(firm)
    let_it_be_late(payment)
    with patch("paysettle.payments.operations.moves.check_decision", lambda *_, **__: None):
        assert refused(lambda: approve(firm.approver, payment)) == "hold_expired"
    assert state(payment) == "pending_approval"


def test_what_is_to_be_held_is_held_from_the_approval_on(firm: Firm) -> None:
    payment = authorise(firm.payer, firm.ben, 150, hold_for=timedelta(days=30)).document()["id"]
    before = Payment.objects.get(id=identifiers.parse("pay", payment))
    assert before.expires_at is not None
    assert before.expires_at - before.created_at == timedelta(hours=72)
    assert approve(firm.approver, payment).document()["state"] == "authorised"
    after = Payment.objects.get(id=before.id)
    approved = PaymentApproval.objects.get(payment_id=before.id)
    assert after.expires_at == approved.created_at + timedelta(days=30)
    assert (balance(firm.ben), held(firm.owner)) == (0, 150)
    capture(firm.ben, payment, 100)
    release(firm.ben, payment)
    assert (balance(firm.ben), held(firm.owner), state(payment)) == (100, 0, "completed")
    books_are_right(firm.owner, firm.ben)


def test_the_payee_sees_nothing_before_it_is_approved(firm: Firm) -> None:
    payment = pending(firm)
    path = f"/api/v1/payments/{payment}"

    def listed() -> list[str]:
        return [one["id"] for one in send(firm.ben, "GET", "/api/v1/payments").document["data"]]

    assert send(firm.ben, "GET", path).status == 404
    assert listed() == []
    for move in ("approve", "reject", "withdraw", "captures", "release", "refunds"):
        reply = send(firm.ben, "POST", f"{path}/{move}")
        assert (reply.status, reply.document["code"]) == (404, "not_found"), move
    approve(firm.approver, payment)
    found = send(firm.ben, "GET", path).document
    assert (found["state"], found["approval"]) == ("completed", None)
    assert listed() == [payment]
    assert send(firm.payer, "GET", path).document["approval"]["approved"] == 1
    assert send(firm.ben, "POST", f"{path}/approve").document["code"] == "not_the_payer"


def test_what_was_not_approved_the_payee_never_sees(firm: Firm) -> None:
    reject(firm.admin, pending(firm))
    withdraw(firm.payer, pending(firm))
    let_it_be_late(pending(firm))
    while expire_due():
        pass
    assert {one.state for one in queries.payments_of(firm.owner.party_id)} == {"rejected", "withdrawn", "lapsed"}
    assert list(queries.payments_of(firm.ben.party_id)) == []


def test_it_is_listed_by_its_state(firm: Firm) -> None:
    payment = pending(firm)
    pay(firm.payer, firm.ben, 1)
    found = send(firm.approver, "GET", "/api/v1/payments?state=pending_approval").document["data"]
    assert [one["id"] for one in found] == [payment]


def test_a_preview_says_that_it_would_wait_and_why(firm: Firm) -> None:
    before = contents_of(firm.owner)
    found = preview(payment_order(firm.payer, firm.ben, 150))
    assert found.payment is not None
    assert found.payment["state"] == "pending_approval"
    assert found.payment["approval"]["reason"] == "payment_limit"
    assert found.available is not None
    assert found.available.amount_minor == 850
    assert contents_of(firm.owner) == before


def test_a_batch_tells_which_of_its_payments_wait(firm: Firm) -> None:
    amounts = (100, 101, 100, 1)
    items = [
        {"key": f"k{n}", "payee": firm.ben.handle, "amount": {"amount": amount, "currency": "EUR"}}
        for n, amount in enumerate(amounts)
    ]
    found = send(firm.payer, "POST", "/api/v1/payment-batches", {"items": items}).document["items"]
    assert [one["state"] for one in found] == ["completed", "pending_approval", "completed", "pending_approval"]


def test_it_needs_money(firm: Firm) -> None:
    assert refused(lambda: pay(firm.payer, firm.ben, 1001)) == "insufficient_funds"
    pending(firm, 600)
    assert refused(lambda: pay(firm.payer, firm.ben, 401)) == "insufficient_funds"


def test_a_payee_who_was_disabled_meanwhile_is_not_paid(firm: Firm) -> None:
    policy(firm.company, (100, 2))
    payment = pending(firm)
    parties.disable(by=OPERATOR, party_id=firm.ben.party_id, reason="a test")
    approve(firm.approver, payment)
    assert refused(lambda: approve(firm.admin, payment)) == "payee_unavailable"
    assert state(payment) == "pending_approval"
    reject(firm.admin, payment)
    assert held(firm.owner) == 0


def test_an_approval_stays_given_when_its_giver_goes(firm: Firm) -> None:
    policy(firm.company, (100, 2))
    payment = pending(firm)
    approve(firm.approver, payment)
    members.remove(by=firm.owner.caller, member_id=firm.company.member(firm.approver).id)
    assert refused(lambda: reject(firm.approver, payment)) == "not_your_party"
    assert approve(firm.admin, payment).document()["state"] == "completed"


def test_a_refund_above_the_limit_is_refused_and_one_below_counts(firm: Firm) -> None:
    deposit(firm.ben, 500)
    received = pay(firm.ben, firm.owner, 400).document()["id"]
    assert refused(lambda: refund(firm.payer, received, 101)) == "limit_exceeded"
    for _ in range(2):
        assert refund(firm.payer, received, 100).status == 201
    assert refused(lambda: refund(firm.payer, received, 1)) == "limit_exceeded"
    assert pay(firm.payer, firm.ben, 1).document()["state"] == "pending_approval"
    books_are_right(firm.owner, firm.ben)


def test_what_one_may_not_refund_another_may_with_the_same_key(firm: Firm) -> None:
    deposit(firm.ben, 500)
    received = pay(firm.ben, firm.owner, 400).document()["id"]
    assert refused(lambda: refund(firm.payer, received, 101, key="k")) == "limit_exceeded"
    assert refund(firm.owner, received, 101, key="k").status == 201
    assert refund(firm.payer, received, 101, key="k").replayed
    books_are_right(firm.owner, firm.ben)


def test_a_settlement_above_the_limit_is_refused_and_one_below_counts(firm: Firm) -> None:
    limit(firm.company, firm.approver, per_payment=100, per_day=150)
    large, small, more = (ask(firm.ben, firm.owner, amount).document()["id"] for amount in (101, 100, 51))
    assert refused(lambda: approve_settlement(firm.approver, large)) == "limit_exceeded"
    assert approve_settlement(firm.approver, small).document()["state"] == "settled"
    assert refused(lambda: approve_settlement(firm.approver, more)) == "limit_exceeded"
    assert approve_settlement(firm.admin, more).document()["state"] == "settled"
    books_are_right(firm.owner, firm.ben)


def test_a_settlement_has_one_approval_and_is_refused_where_more_are_wanted(firm: Firm) -> None:
    policy(firm.company, (100, 1), (200, 2))
    one, two = (ask(firm.ben, firm.owner, amount).document()["id"] for amount in (199, 200))
    assert approve_settlement(firm.admin, one).document()["state"] == "settled"
    assert refused(lambda: approve_settlement(firm.admin, two)) == "more_approvals_needed"
    books_are_right(firm.owner, firm.ben)


def held_and_approved(firm: Firm) -> str:
    """Let a member order a hold that waits; the payee keeps the organisation away before it is approved."""
    policy(firm.company, (100, 1))
    held = authorise(firm.payer, firm.ben, 100).document()["id"]
    paid = pay(firm.payer, firm.ben, 100).document()["id"]
    contact = contacts.keep(by=firm.ben.caller, reference=firm.payer.handle, name="")
    contacts.block(by=firm.ben.caller, contact_id=contact.id)
    assert approve(firm.admin, paid).document()["state"] == "completed", "what arrives harms nobody"
    return spoilt.code(approve(firm.admin, held))


def test_a_hold_that_waited_is_none_for_whoever_keeps_its_payer_away(firm: Firm) -> None:
    assert held_and_approved(firm) == "payee_unavailable"
    books_are_right(firm.owner, firm.ben)


def test_control_unless_it_is_asked_again_the_hold_is_there(firm: Firm) -> None:
    """The planted bug, which was one: blocks are asked about when the hold is ordered and not when it begins."""
    with patch.object(Blocks, "keeps_away", lambda _blocks, _owner, _party: False):
        assert held_and_approved(firm) == "ok"


def test_a_key_gives_no_approval_of_a_settlement_that_needs_one(firm: Firm) -> None:
    policy(firm.company, (100, 1))
    below, above = (ask(firm.ben, firm.owner, amount).document()["id"] for amount in (99, 100))
    key = machines.caller(machines.new_key(firm.admin, [Permission.SETTLE_DECIDE]))

    def decide(settlement: str) -> Answer:
        return lane.call(move_settlement, replace(decision_order(firm.admin, Verb.APPROVE, settlement), by=key))

    assert decide(below).document()["state"] == "settled"
    assert refused(lambda: decide(above)) == "more_approvals_needed"
    assert approve_settlement(firm.admin, above).document()["state"] == "settled"
    books_are_right(firm.owner, firm.ben)
