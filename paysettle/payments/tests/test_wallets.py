"""A frozen or closed wallet is refused with its own code, at once."""

import pytest

from paysettle.identity.caller import Caller
from paysettle.kernel.errors import DomainError
from paysettle.kernel.identifiers import SYSTEM
from paysettle.ledger import accounts
from paysettle.payments.operations import wallets
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


def test_it_needs_staff_and_a_reason() -> None:
    ana = person("ana")
    deposit(ana, 100)
    wallet = accounts.wallet(ana.party_id, "EUR")
    for by, reason, code in ((ana.caller, "mine", "staff_only"), (OPERATOR, " ", "reason_missing")):
        with pytest.raises(DomainError) as refusal:
            wallets.freeze(by=by, account_id=wallet, reason=reason)
        assert refusal.value.code == code
