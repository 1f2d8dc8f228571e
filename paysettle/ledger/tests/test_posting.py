"""The one door: groups are judged on their net, applied whole or not at all, and numbered credits first."""

from uuid import UUID

import pytest

from paysettle.kernel import identifiers
from paysettle.kernel.money import BALANCE_MINOR_LIMIT
from paysettle.ledger import accounts
from paysettle.ledger.models import Account, Entry
from paysettle.ledger.rules import AccountClosed, AccountFrozen, BalanceLimit, InsufficientFunds, Transfer
from tests.groups import post
from tests.money import balance, books_are_right
from tests.people import Person, deposit, person

pytestmark = pytest.mark.money


def wallet(of: Person) -> UUID:
    return accounts.wallet(of.party_id, "EUR")


def test_a_ring_without_money_settles_on_its_net() -> None:
    ana, ben, cem = person("ana"), person("ben"), person("cem")
    ring = [wallet(ana), wallet(ben), wallet(cem)]
    post(Transfer(ring[0], ring[1], 100), Transfer(ring[1], ring[2], 100), Transfer(ring[2], ring[0], 100))
    assert [balance(who) for who in (ana, ben, cem)] == [0, 0, 0]
    books_are_right(ana, ben, cem)


def test_an_accounts_credits_come_before_its_debits() -> None:
    ana, ben, cem = person("ana"), person("ben"), person("cem")
    deposit(ana, 100)
    post(Transfer(wallet(ben), wallet(cem), 100), Transfer(wallet(ana), wallet(ben), 100))
    lines = Entry.objects.filter(account_id=wallet(ben)).order_by("sequence")
    assert [(line.amount_minor, line.balance_after_minor) for line in lines] == [(100, 100), (-100, 0)]
    books_are_right(ana, ben, cem)


def test_a_group_is_applied_whole_or_not_at_all() -> None:
    ana, ben, cem = person("ana"), person("ben"), person("cem")
    deposit(ana, 100)
    with pytest.raises(InsufficientFunds):
        post(Transfer(wallet(ana), wallet(ben), 60), Transfer(wallet(ana), wallet(cem), 60))
    assert [balance(who) for who in (ana, ben, cem)] == [100, 0, 0]
    books_are_right(ana, ben, cem)


@pytest.mark.parametrize(("state", "refusal"), [("frozen", AccountFrozen), ("closed", AccountClosed)])
@pytest.mark.parametrize("side", ["debit", "credit"])
def test_an_account_that_is_not_open_refuses(state: str, refusal: type[Exception], side: str) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    changed = wallet(ana) if side == "debit" else wallet(ben)
    Account.objects.filter(id=changed).update(state=state)
    with pytest.raises(refusal):
        post(Transfer(wallet(ana), wallet(ben), 1))
    assert balance(ana) == 100


def test_a_balance_stays_exact() -> None:
    ana = person("ana")
    for _ in range(9):  # of a currency that no other test uses: the world's account reaches its limit too
        deposit(ana, 10**15, "ISK")
    assert deposit(ana, 10**15, "ISK").document()["code"] == BalanceLimit.code
    assert balance(ana, "ISK") < BALANCE_MINOR_LIMIT


@pytest.mark.parametrize("amount_minor", [0, -1, 10**15 + 1, 1.0, True, "1"])
def test_what_is_no_amount_cannot_be_asked_for(amount_minor: object) -> None:
    with pytest.raises(ValueError, match="minor units"):
        Transfer(identifiers.new(), identifiers.new(), amount_minor)  # type: ignore[arg-type]


def test_a_transfer_needs_two_accounts() -> None:
    account = identifiers.new()
    with pytest.raises(ValueError, match="two accounts"):
        Transfer(account, account, 1)


def test_two_currencies_in_one_group_are_a_fault() -> None:
    ana, ben = person("ana"), person("ben")
    with pytest.raises(ValueError, match="one currency"):
        post(Transfer(wallet(ana), accounts.wallet(ben.party_id, "USD"), 1))
