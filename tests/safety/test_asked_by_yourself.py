"""Nobody approves for one party what they asked for in person for another."""

import pytest

from paysettle.identity.roles import Role
from paysettle.kernel.batch import run
from paysettle.kernel.errors import DomainError
from paysettle.ledger.verify import verify
from paysettle.settlements.lifecycle import Verb
from paysettle.settlements.operations import moves
from paysettle.settlements.operations.moves import move_settlement
from paysettle.settlements.rules import check_move
from tests import spoilt
from tests.companies import company
from tests.money import balance, books_are_right
from tests.orders import request_order
from tests.people import deposit, person
from tests.settle import approve, ask, decision_order

pytestmark = pytest.mark.money


def test_nobody_approves_for_one_party_what_they_asked_for_in_person_for_another() -> None:
    """Ana belongs to both companies; as the debtor's approver she is not the second person that approval asks for."""
    ana, ben = person("ana"), person("ben")
    creditor, debtor = company(ana), company(ben)
    payer = debtor.acted_for_by(ben)
    deposit(payer, 400)
    asked = ask(creditor.acted_for_by(ana), payer, 400).document()["id"]
    with pytest.raises(DomainError) as refusal:
        approve(debtor.join(ana, Role.APPROVER), asked)
    assert refusal.value.code == "asked_by_yourself"
    assert balance(payer) == 400
    assert approve(payer, asked).document()["state"] == "settled"
    books_are_right(payer)


def test_what_a_colleague_asked_for_may_be_approved_by_a_member_of_both() -> None:
    ana, ben = person("ana"), person("ben")
    creditor, debtor = company(ana), company(ben)
    payer = debtor.acted_for_by(ben)
    deposit(payer, 400)
    creditor.join(ben, Role.PAYER)
    asked = ask(creditor.acted_for_by(ana), payer, 400).document()["id"]
    assert approve(payer, asked).document()["state"] == "settled"


@pytest.mark.usefixtures("spoilt_database")
def test_control_without_the_rule_the_verifier_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the person who decides is not looked at."""
    ana = person("ana")
    creditor, debtor = company(ana).acted_for_by(ana), company(ana).acted_for_by(ana)
    spoilt.deposit(debtor, 400)
    [asked] = run(move_settlement, [request_order(creditor, debtor, 400)])
    order = decision_order(debtor, Verb.APPROVE, spoilt.document(asked)["id"])
    monkeypatch.setattr(moves, "check_move", lambda terms, **told: check_move(terms, **{**told, "user_id": None}))
    [approved] = run(move_settlement, [order])
    assert spoilt.code(approved) == "ok"
    settlement = spoilt.document(approved)["id"]
    assert any(settlement in finding and "which its moves do not lead to" in finding for finding in verify().findings)
