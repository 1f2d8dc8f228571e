"""A payer pays a payee: one group of one transfer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from paysettle.events import log
from paysettle.events.log import NewEvent
from paysettle.identity import queries as people
from paysettle.identity.caller import Caller
from paysettle.identity.standing import Standing
from paysettle.kernel import identifiers
from paysettle.kernel.batch import Book, Operation, Success
from paysettle.kernel.idempotency import Item
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Transaction
from paysettle.ledger import accounts
from paysettle.ledger.posting import Group, Posting
from paysettle.ledger.rules import Transfer
from paysettle.payments import documents
from paysettle.payments.models import PaymentState
from paysettle.payments.rules import PayeeNotFound, PayeeUnavailable, PaymentToOneself

_COLUMNS = (
    "id",
    "payer_id",
    "payee_id",
    "amount_minor",
    "currency",
    "note",
    "state",
    "version",
    "created_by_id",
    "created_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOrder(Item):
    """What the payer asks for: pay this money to the party that a handle or id names."""

    by: Caller
    payee: str
    money: Money
    note: str


@dataclass(frozen=True, slots=True)
class _Route:
    """From where to where the money of an order goes."""

    payee_id: UUID
    debit_id: UUID
    credit_id: UUID


class SendPayment(Operation[PaymentOrder]):
    """Carries out payment orders, many in one transaction."""

    name = "payment.send"
    prefix = "pay"

    def prepare(self, item: PaymentOrder) -> _Route | None:
        """Find the payee and both wallets, opening those that are missing; None when there is no such payee."""
        payee_id = people.find_party(item.payee)
        if payee_id is None:
            return None
        currency = item.money.currency
        return _Route(payee_id, accounts.wallet(item.party_id, currency), accounts.wallet(payee_id, currency))

    def open(self, tx: Transaction, prepared: Sequence[tuple[PaymentOrder, _Route | None]]) -> "_PaymentBook":
        """Lock both wallets of every order, then read who may act."""
        return _PaymentBook(tx, prepared)


class _PaymentBook(Book[PaymentOrder]):
    def __init__(self, tx: Transaction, prepared: Sequence[tuple[PaymentOrder, _Route | None]]) -> None:
        self._tx = tx
        self._routes = {id(item): route for item, route in prepared}
        routes = [route for _, route in prepared if route is not None]
        self._posting = Posting(tx, [account for r in routes for account in (r.debit_id, r.credit_id)])
        self._standing = Standing(tx, [item.by for item, _ in prepared], [r.payee_id for r in routes])
        self._payments: list[tuple[Any, ...]] = []

    def admit(self, item: PaymentOrder) -> None:
        self._standing.admit(item.by)

    def decide(self, item: PaymentOrder, now: datetime) -> Success:
        route = self._routes[id(item)]
        if route is None:
            raise PayeeNotFound(f"Nobody is known as {item.payee}.")
        if route.payee_id == item.party_id:
            raise PaymentToOneself
        payer, payee = self._standing.party(item.party_id), self._standing.party(route.payee_id)
        if not payee.active:
            raise PayeeUnavailable

        payment_id, event_id = identifiers.new(), identifiers.new()
        told = self._posting.post(
            Group(
                transfers=[Transfer(route.debit_id, route.credit_id, item.money.amount_minor)],
                subject_kind="payment",
                subject_id=payment_id,
                event_id=event_id,
            ),
            at=now,
        )
        self._payments.append(
            (
                payment_id.bytes,
                payer.id.bytes,
                payee.id.bytes,
                item.money.amount_minor,
                item.money.currency,
                item.note,
                PaymentState.COMPLETED.value,
                1,
                item.by.user_id.bytes if item.by.user_id else identifiers.SYSTEM.bytes,
                self._tx.time(now),
            )
        )
        public_id = identifiers.show("pay", payment_id)
        log.record(
            NewEvent(
                event_id=event_id,
                stream=public_id,
                version=1,
                type="paysettle.payment.completed.v1",
                actor=item.by.actor,
                party=item.by.party,
                data={
                    "payment": public_id,
                    "payer": identifiers.show("par", payer.id),
                    "payee": identifiers.show("par", payee.id),
                    "amount": item.money.document(),
                    "transfers": told,
                },
                request_id=item.request_id,
                at=now,
            )
        )
        document = documents.payment(
            payment_id=payment_id,
            payer=(payer.id, payer.handle),
            payee=(payee.id, payee.handle),
            money=item.money,
            note=item.note,
            state=PaymentState.COMPLETED.value,
            created_at=now,
        )
        return Success(payment_id, 201, document)

    def write(self) -> None:
        self._tx.insert("payments_payment", _COLUMNS, self._payments)
        self._posting.write()


send_payment = SendPayment()
