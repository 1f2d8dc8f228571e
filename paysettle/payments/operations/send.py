"""A payer pays a payee: at once, one group of one transfer; or authorised, a hold that the payee captures later."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from paysettle.events import log
from paysettle.events.log import NewEvent
from paysettle.identity import queries as people
from paysettle.identity.caller import Caller
from paysettle.identity.roles import Permission
from paysettle.identity.standing import Standing
from paysettle.kernel import compact_json, identifiers, times
from paysettle.kernel.batch import Book, Operation, Success
from paysettle.kernel.idempotency import Item
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Transaction
from paysettle.ledger import accounts
from paysettle.ledger.posting import Group, NewHold, Posting
from paysettle.ledger.rules import InsufficientFunds, Transfer
from paysettle.payments import documents
from paysettle.payments.lifecycle import State
from paysettle.payments.rules import PayeeNotFound, PayeeUnavailable, PaymentToOneself, Terms

_COLUMNS = (
    "id",
    "payer_id",
    "payee_id",
    "amount_minor",
    "currency",
    "captured_minor",
    "refunded_minor",
    "note",
    "reference",
    "metadata",
    "state",
    "hold_id",
    "expires_at",
    "version",
    "created_by_id",
    "created_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOrder(Item):
    """What the payer asks for: pay this money to the party that a handle or id names.

    With `hold_for` the money is only held, for that long, until the payee captures it.
    """

    by: Caller
    payee: str
    money: Money
    note: str = ""
    reference: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    hold_for: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """From where to where the money of an order goes; no accounts when the payer has no wallet to pay from."""

    payee_id: UUID
    accounts: tuple[UUID, UUID] | None


class SendPayment(Operation[PaymentOrder]):
    """Carries out payment orders, many in one transaction."""

    name = "payment.send"
    prefix = "pay"

    def prepare(self, item: PaymentOrder) -> Route | None:
        """Find the payee and both wallets; None when there is no such payee.

        The payee's wallet is opened if it is missing, but not for somebody who has nothing to pay with: else
        strangers could fill anybody's list of wallets.
        """
        return self.route(item, payees_wallet=accounts.wallet)

    @staticmethod
    def route(item: PaymentOrder, *, payees_wallet: Callable[[UUID, str], UUID]) -> Route | None:
        """The same, with a way of one's own to come by the payee's wallet."""
        payee_id = people.find_party(item.payee)
        if payee_id is None:
            return None
        debit_id = accounts.find_wallet(item.party_id, item.money.currency)
        if debit_id is None:
            return Route(payee_id, None)
        return Route(payee_id, (debit_id, payees_wallet(payee_id, item.money.currency)))

    def open(self, tx: Transaction, prepared: Sequence[tuple[PaymentOrder, Route | None]]) -> "PaymentBook":
        """Lock both wallets of every order, then read who may act."""
        return PaymentBook(tx, prepared)


class PaymentBook(Book[PaymentOrder]):
    """One batch of payment orders."""

    def __init__(self, tx: Transaction, prepared: Sequence[tuple[PaymentOrder, Route | None]]) -> None:
        self._tx = tx
        self._routes = {id(item): route for item, route in prepared}
        routes = [route for _, route in prepared if route is not None]
        self.posting = Posting(tx, [account for route in routes for account in route.accounts or ()])
        self._standing = Standing(tx, [item.by for item, _ in prepared], [r.payee_id for r in routes])
        self._payments: list[tuple[Any, ...]] = []

    def admit(self, item: PaymentOrder) -> None:
        self._standing.admit(item.by, Permission.PAY)

    def decide(self, item: PaymentOrder, now: datetime) -> Success:
        route = self._routes[id(item)]
        if route is None:
            raise PayeeNotFound(f"Nobody is known as {item.payee}.")
        self.posting.require(route.accounts or ())
        if route.payee_id == item.party_id:
            raise PaymentToOneself
        payer, payee = self._standing.party(item.party_id), self._standing.party(route.payee_id)
        if not payee.active:
            raise PayeeUnavailable
        if route.accounts is None:
            raise InsufficientFunds(f"{Money(0, item.money.currency)} are available, {item.money} are needed.")

        payment_id, event_id = identifiers.new(), identifiers.new()
        terms, told = self._move(item, route.payee_id, route.accounts, payment_id, event_id, now)
        self._keep(item, terms, payment_id, now)
        self._tell(item, terms, payment_id, event_id, told, now)
        document = documents.payment(
            payment_id=payment_id,
            terms=terms,
            handles={payer.id: payer.handle, payee.id: payee.handle},
            note=item.note,
            reference=item.reference,
            metadata=item.metadata,
            created_at=now,
        )
        return Success(payment_id, 201, document)

    def write(self) -> None:
        self._tx.insert("payments_payment", _COLUMNS, self._payments)
        self.posting.write()

    def _move(
        self,
        item: PaymentOrder,
        payee_id: UUID,
        wallets: tuple[UUID, UUID],
        payment_id: UUID,
        event_id: UUID,
        now: datetime,
    ) -> tuple[Terms, list[dict[str, Any]]]:
        """Move the money or hold it; return the terms of the new payment and its transfers as the event tells them."""
        if item.hold_for is not None:
            expires_at = now + item.hold_for
            hold = NewHold(
                id=identifiers.new(),
                account_id=wallets[0],
                amount_minor=item.money.amount_minor,
                expires_at=expires_at,
                subject_kind="payment",
                subject_id=payment_id,
                event_id=event_id,
            )
            self.posting.place(hold, at=now)
            return self._terms(item, payee_id, 0, State.AUTHORISED, hold.id, expires_at), []
        group = Group(
            transfers=[Transfer(*wallets, item.money.amount_minor)],
            subject_kind="payment",
            subject_id=payment_id,
            event_id=event_id,
        )
        told = self.posting.post(group, at=now)
        return self._terms(item, payee_id, item.money.amount_minor, State.COMPLETED, None, None), told

    @staticmethod
    def _terms(
        item: PaymentOrder,
        payee_id: UUID,
        captured_minor: int,
        state: State,
        hold_id: UUID | None,
        expires_at: datetime | None,
    ) -> Terms:
        return Terms(item.party_id, payee_id, item.money, captured_minor, 0, state, hold_id, expires_at)

    def _keep(self, item: PaymentOrder, terms: Terms, payment_id: UUID, now: datetime) -> None:
        self._payments.append(
            (
                payment_id.bytes,
                terms.payer_id.bytes,
                terms.payee_id.bytes,
                terms.amount.amount_minor,
                terms.amount.currency,
                terms.captured_minor,
                terms.refunded_minor,
                item.note,
                item.reference,
                compact_json.dumps(item.metadata),
                terms.state.value,
                None if terms.hold_id is None else terms.hold_id.bytes,
                None if terms.expires_at is None else self._tx.time(terms.expires_at),
                1,
                (item.by.user_id or identifiers.SYSTEM).bytes,
                self._tx.time(now),
            )
        )

    @staticmethod
    def _tell(
        item: PaymentOrder,
        terms: Terms,
        payment_id: UUID,
        event_id: UUID,
        transfers: list[dict[str, Any]],
        now: datetime,
    ) -> None:
        public_id = identifiers.show("pay", payment_id)
        data: dict[str, Any] = {
            "payment": public_id,
            "payer": identifiers.show("par", terms.payer_id),
            "payee": identifiers.show("par", terms.payee_id),
            "amount": terms.amount.document(),
            "transfers": transfers,
            **item.by.key_mark,
        }
        if terms.expires_at is not None:
            data["expires_at"] = times.show(terms.expires_at)
        log.record(
            NewEvent(
                event_id=event_id,
                stream=public_id,
                version=1,
                type=f"paysettle.payment.{terms.state.value}.v1",
                actor=item.by.actor,
                party=item.by.party,
                data=data,
                request_id=item.request_id,
                at=now,
            )
        )


send_payment = SendPayment()
