"""What would happen if this were paid now? The same decision under the same locks, and nothing is written."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Transaction
from paysettle.ledger import accounts
from paysettle.payments.operations.send import PaymentBook, PaymentOrder, Route, send_payment


@dataclass(frozen=True, slots=True)
class Preview:
    """The payment as it would be (or the refusal), and the payer's wallet afterwards: booked and available."""

    payment: dict[str, Any] | None
    refusal: DomainError | None
    booked: Money | None
    available: Money | None


def preview(order: PaymentOrder) -> Preview:
    """Return what would happen. Raises what is not decided but demanded: a live session, one's own party."""
    imagined: list[UUID] = []

    def wallet(party_id: UUID, currency: str) -> UUID:
        """Return the payee's wallet; one that a payment would open is only imagined."""
        found = accounts.find_wallet(party_id, currency)
        if found is None:
            found = identifiers.new()
            imagined.append(found)
        return found

    route = send_payment.route(order, payees_wallet=wallet)

    def work(tx: Transaction) -> Preview:
        book = send_payment.open(tx, [(order, route)])
        for account_id in imagined:
            book.posting.imagine(account_id, order.money.currency)
        book.admit(order)
        try:
            success = book.decide(order, tx.read_clock())
        except DomainError as refusal:
            return Preview(None, refusal, *_balances(order, book, route))
        tx.collected.clear()  # no event either
        return Preview(success.document, None, *_balances(order, book, route))

    return transactions.run(work, repeatable=True)


def _balances(order: PaymentOrder, book: PaymentBook, route: Route | None) -> tuple[Money | None, Money | None]:
    if route is None or route.accounts is None:
        return None, None
    account = book.posting.account(route.accounts[0])
    currency = order.money.currency
    return Money(account.balance_minor, currency), Money(account.available_minor, currency)
