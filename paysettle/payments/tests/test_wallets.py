"""A frozen or closed wallet is refused with its own code, at once."""

from collections.abc import Callable

import pytest

from paysettle.dashboard.tests.staff import member
from paysettle.identity.caller import Caller
from paysettle.identity.operations import parties
from paysettle.identity.operations.staff import OwnAffair
from paysettle.identity.roles import Role, StaffRole
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.identifiers import SYSTEM
from paysettle.ledger import accounts
from paysettle.payments.operations import wallets
from tests.approvals import approve, limit
from tests.companies import company
from tests.money import balance, books_are_right
from tests.moves import authorise, release
from tests.people import deposit, pay, person

pytestmark = pytest.mark.money

OPERATOR = Caller(party_id=SYSTEM, operator="tests")


def test_a_frozen_wallet_neither_pays_nor_is_paid() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    deposit(ben, 100)
    wallet = accounts.wallet(ana.party_id, "EUR")
    wallets.freeze(by=OPERATOR, account_id=wallet, reason="a complaint")
    assert pay(ana, ben, 1).document()["code"] == "account_frozen"
    assert pay(ben, ana, 1).document()["code"] == "account_frozen"
    assert authorise(ana, ben, 1).document()["code"] == "account_frozen"
    wallets.reopen(by=OPERATOR, account_id=wallet, reason="settled")
    assert pay(ana, ben, 1).status == 201
    books_are_right(ana, ben)


@pytest.mark.parametrize("verb", [wallets.freeze, wallets.close])
def test_nothing_is_held_for_who_cannot_be_paid(verb: Callable[..., None]) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    code = {wallets.freeze: "account_frozen", wallets.close: "account_closed"}[verb]
    verb(by=OPERATOR, account_id=accounts.wallet(ben.party_id, "EUR"), reason="a complaint")
    for refused in (pay(ana, ben, 1), authorise(ana, ben, 1)):
        assert refused.document()["code"] == code
    firm = company(person("olga"))
    maker = firm.join(person("paul"), Role.PAYER)
    deposit(maker, 100)
    limit(firm, maker, per_payment=10)
    assert pay(maker, ben, 11).document()["code"] == code, "nobody approves in vain"
    books_are_right(ana, ben, maker)


def test_approved_for_later_is_nothing_for_who_cannot_be_paid_any_more() -> None:
    olga, ben = person("olga"), person("ben")
    firm = company(olga)
    owner, maker = firm.acted_for_by(olga), firm.join(person("paul"), Role.PAYER)
    deposit(maker, 100)
    limit(firm, maker, per_payment=10)
    waiting = authorise(maker, ben, 11).document()["id"]
    wallets.freeze(by=OPERATOR, account_id=accounts.wallet(ben.party_id, "EUR"), reason="a complaint")
    assert approve(owner, waiting).document()["code"] == "account_frozen"
    wallets.reopen(by=OPERATOR, account_id=accounts.wallet(ben.party_id, "EUR"), reason="settled")
    assert approve(owner, waiting).document()["state"] == "authorised"
    books_are_right(maker, ben)


def test_held_money_of_a_frozen_wallet_can_go_back() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    payment = authorise(ana, ben, 60).document()["id"]
    wallets.freeze(by=OPERATOR, account_id=accounts.wallet(ana.party_id, "EUR"), reason="a complaint")
    assert release(ben, payment).document()["state"] == "released"
    books_are_right(ana, ben)


def test_only_an_empty_wallet_is_closed_and_stays_so() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    wallet = accounts.wallet(ana.party_id, "EUR")
    with pytest.raises(DomainError) as refusal:
        wallets.close(by=OPERATOR, account_id=wallet, reason="has left")
    assert refusal.value.code == "account_not_empty"
    pay(ana, ben, 100)
    wallets.close(by=OPERATOR, account_id=wallet, reason="has left")
    assert pay(ben, ana, 1).document()["code"] == "account_closed"
    with pytest.raises(DomainError) as refusal:
        wallets.reopen(by=OPERATOR, account_id=wallet, reason="is back")
    assert refusal.value.code == "account_is_closed"
    assert balance(ana) == 0
    books_are_right(ana, ben)


def test_the_accounts_of_the_system_are_no_wallets() -> None:
    for verb in (wallets.freeze, wallets.close):
        with pytest.raises(NotFound):
            verb(by=OPERATOR, account_id=accounts.world("CHF"), reason="a mistake")
    assert deposit(person("ana"), 5, "CHF").status == 201


def test_staff_leave_what_is_their_own_to_others() -> None:
    risk, boss = member("risk", StaffRole.RISK_REVIEWER), member("boss", StaffRole.ADMINISTRATOR)
    own, bosss = (accounts.wallet(who.party_id, "EUR") for who in (risk, boss))
    firm = company(risk)
    of_firm = accounts.wallet(firm.party.id, "EUR")
    for wallet, code in ((own, "staff_not_permitted"), (bosss, "staff_not_permitted"), (of_firm, "own_affair")):
        wallets.freeze(by=OPERATOR, account_id=wallet, reason="a complaint")
        with pytest.raises(DomainError) as refusal:
            wallets.reopen(by=risk.caller, account_id=wallet, reason="it is mine")
        assert refusal.value.code == code
    with pytest.raises(OwnAffair):
        parties.disable(by=risk.caller, party_id=firm.party.id, reason="it is mine")
    wallets.reopen(by=boss.caller, account_id=own, reason="settled")
    with pytest.raises(OwnAffair):
        wallets.reopen(by=boss.caller, account_id=bosss, reason="it is mine")


def test_it_needs_staff_and_a_reason() -> None:
    ana = person("ana")
    deposit(ana, 100)
    wallet = accounts.wallet(ana.party_id, "EUR")
    for by, reason, code in ((ana.caller, "mine", "staff_only"), (OPERATOR, " ", "reason_missing")):
        with pytest.raises(DomainError) as refusal:
            wallets.freeze(by=by, account_id=wallet, reason=reason)
        assert refusal.value.code == code
