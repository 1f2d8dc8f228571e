"""What tests ask of money."""

from paysettle.ledger import queries as ledger
from paysettle.ledger.verify import verify
from tests.people import Person


def balance(of: Person, currency: str = "EUR") -> int:
    """Return what somebody has booked, in minor units."""
    return {b.booked.currency: b.booked.amount_minor for b in ledger.wallets(of.party_id)}.get(currency, 0)


def books_are_right(*people: Person) -> None:
    """Fail unless `ledger verify` finds nothing wrong with the accounts of these people."""
    accounts = [b.account_id for somebody in people for b in ledger.wallets(somebody.party_id)]
    report = verify(accounts)
    assert report.findings == []
