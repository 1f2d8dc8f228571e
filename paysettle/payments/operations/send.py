"""A payer pays a payee: at once, one group of one transfer; or authorised, a hold that the payee captures later.

What a member may not send alone waits, its money on hold, for others of the organisation (`moves.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from paysettle.events import log
from paysettle.events.log import NewEvent
from paysettle.identity import queries as people
from paysettle.identity import step_up
from paysettle.identity.blocks import Blocks
from paysettle.identity.caller import Caller
from paysettle.identity.limits import Limits
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
from paysettle.payments.rules import Approval, PayeeNotFound, PayeeUnavailable, PaymentToOneself, Terms

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
    "approvers_needed",
    "approval_reason",
    "hold_for_s",
)

# What an event calls a payment that was just made.
_BORN = {
    State.COMPLETED: "completed",
    State.AUTHORISED: "authorised",
    State.PENDING_APPROVAL: "approval_requested",
}


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
        """Lock both wallets of every order, then the counters of limits; read who may act."""
        return PaymentBook(tx, prepared)


class PaymentBook(Book[PaymentOrder]):
    """One batch of payment orders."""

    def __init__(self, tx: Transaction, prepared: Sequence[tuple[PaymentOrder, Route | None]]) -> None:
        self._tx = tx
        self._routes = {id(item): route for item, route in prepared}
        routes = [route for _, route in prepared if route is not None]
        self.posting = Posting(tx, [account for route in routes for account in route.accounts or ()])
        self._limits = Limits(tx, [(item.by, item.money.currency) for item, _ in prepared])
        self._standing = Standing(tx, [item.by for item, _ in prepared], [r.payee_id for r in routes])
        self._blocks = Blocks(
            tx, [(route.payee_id, item.party_id) for item, route in prepared if route and _held(item)]
        )
        self._payments: list[tuple[Any, ...]] = []

    def admit(self, item: PaymentOrder) -> None:
        self._standing.admit(item.by, Permission.PAY)

    def decide(self, item: PaymentOrder, now: datetime) -> Success:
        route = self._routes[id(item)]
        if route is None:
            raise PayeeNotFound(f"Nobody is known as {item.payee}.")
        self.posting.require(route.accounts or ())
        self._limits.require(item.by, item.money.currency)
        if route.payee_id == item.party_id:
            raise PaymentToOneself
        if item.by.session_id is not None and step_up.concerns(item.money.amount_minor):
            self._standing.check_fresh(item.by, now)
        payer, payee = self._standing.party(item.party_id), self._standing.party(route.payee_id)
        # Money that arrives harms nobody; money that is held for somebody keeps them from closing their account.
        if not payee.active or (_held(item) and self._blocks.keeps_away(payee.id, payer.id)):
            raise PayeeUnavailable
        if route.accounts is None:
            raise InsufficientFunds(f"{Money(0, item.money.currency)} are available, {item.money} are needed.")

        payment_id, event_id = identifiers.new(), identifiers.new()
        demand = self._limits.demand(item.by, item.money, now)
        if demand is None:
            terms, told = self._move(item, route.payee_id, route.accounts, payment_id, event_id, now)
            self._limits.count(item.by, item.money, now)
        else:
            approval = Approval(demand, item.hold_for)
            terms, told = self._wait(item, route.payee_id, route.accounts, approval, payment_id, event_id, now), []
        self._keep(item, terms, payment_id, now)
        document = documents.payment(
            payment_id=payment_id,
            terms=terms,
            payer=payer.named,
            payee=payee.named,
            note=item.note,
            reference=item.reference,
            metadata=item.metadata,
            created_at=now,
            approved=0,
        )
        self._tell(item, terms, document, event_id, told, now)
        return Success(payment_id, 201, document)

    def write_ahead(self) -> None:
        self._tx.insert("payments_payment", _COLUMNS, self._payments)
        self._payments = []
        self.posting.write_ahead()

    def write(self) -> None:
        self.write_ahead()
        self.posting.write()
        self._limits.write()

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
            hold_id = self._hold(item, wallets, expires_at, payment_id, event_id, now)
            return self._terms(item, payee_id, 0, State.AUTHORISED, hold_id, expires_at), []
        group = Group(
            transfers=[Transfer(*wallets, item.money.amount_minor)],
            subject_kind="payment",
            subject_id=payment_id,
            event_id=event_id,
        )
        told = self.posting.post(group, at=now)
        return self._terms(item, payee_id, item.money.amount_minor, State.COMPLETED, None, None), told

    def _wait(
        self,
        item: PaymentOrder,
        payee_id: UUID,
        wallets: tuple[UUID, UUID],
        approval: Approval,
        payment_id: UUID,
        event_id: UUID,
        now: datetime,
    ) -> Terms:
        """Hold the money until enough others have approved; return the terms of the new payment. Rule MR15."""
        expires_at = now + timedelta(hours=settings.PAYMENT_APPROVAL_HOURS)
        hold_id = self._hold(item, wallets, expires_at, payment_id, event_id, now)
        return self._terms(item, payee_id, 0, State.PENDING_APPROVAL, hold_id, expires_at, approval)

    def _hold(
        self,
        item: PaymentOrder,
        wallets: tuple[UUID, UUID],
        expires_at: datetime,
        payment_id: UUID,
        event_id: UUID,
        now: datetime,
    ) -> UUID:
        hold = NewHold(
            id=identifiers.new(),
            account_id=wallets[0],
            for_account_id=wallets[1],
            amount_minor=item.money.amount_minor,
            expires_at=expires_at,
            subject_kind="payment",
            subject_id=payment_id,
            event_id=event_id,
        )
        self.posting.place(hold, at=now)
        return hold.id

    @staticmethod
    def _terms(
        item: PaymentOrder,
        payee_id: UUID,
        captured_minor: int,
        state: State,
        hold_id: UUID | None,
        expires_at: datetime | None,
        approval: Approval | None = None,
    ) -> Terms:
        made_by = item.by.user_id or identifiers.SYSTEM
        return Terms(
            item.party_id, payee_id, item.money, captured_minor, 0, state, hold_id, expires_at, made_by, approval
        )

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
                str(terms.state),
                None if terms.hold_id is None else terms.hold_id.bytes,
                None if terms.expires_at is None else self._tx.time(terms.expires_at),
                1,
                terms.made_by.bytes,
                self._tx.time(now),
                *_approval_columns(terms.approval),
            )
        )

    @staticmethod
    def _tell(
        item: PaymentOrder,
        terms: Terms,
        document: dict[str, Any],
        event_id: UUID,
        transfers: list[dict[str, Any]],
        now: datetime,
    ) -> None:
        data: dict[str, Any] = {
            "payment": document["id"],
            "payer": document["payer"]["id"],
            "payee": document["payee"]["id"],
            "amount": document["amount"],
            "transfers": transfers,
            **item.by.key_mark,
        }
        if terms.expires_at is not None:
            data["expires_at"] = times.show(terms.expires_at)
        if terms.approval is not None:
            data["made_by"] = item.by.actor
            data["approvers"] = terms.approval.demand.approvers
            data["reason"] = terms.approval.demand.reason.value
        log.record(
            NewEvent(
                event_id=event_id,
                stream=document["id"],
                version=1,
                type=f"paysettle.payment.{_BORN[terms.state]}.v1",
                actor=item.by.actor,
                party=item.by.party,
                data=data,
                request_id=item.request_id,
                at=now,
            )
        )


def _held(item: PaymentOrder) -> bool:
    return item.hold_for is not None


def _approval_columns(approval: Approval | None) -> tuple[int | None, str | None, int | None]:
    """Return how many must approve, why, and for how many seconds the money is held afterwards, as they are stored."""
    if approval is None:
        return None, None, None
    hold_for_s = None if approval.hold_for is None else int(approval.hold_for.total_seconds())
    return approval.demand.approvers, approval.demand.reason.value, hold_for_s


send_payment = SendPayment()
