"""What becomes of a payment that exists: approved, captured, released, expired, refunded. One operation does it all.

A move locks its payment first, then its hold, then the wallets, then the limit of who refunds.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from paysettle.events import log
from paysettle.events.log import NewEvent
from paysettle.identity import step_up
from paysettle.identity.blocks import Blocks
from paysettle.identity.caller import Caller
from paysettle.identity.limits import Limits
from paysettle.identity.roles import Permission
from paysettle.identity.standing import Standing
from paysettle.kernel import identifiers
from paysettle.kernel.batch import Book, Operation, Success
from paysettle.kernel.errors import NotFound
from paysettle.kernel.idempotency import Item
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import RowLocked, Transaction, parse_time
from paysettle.ledger import accounts
from paysettle.ledger.posting import Group, Posting
from paysettle.ledger.rules import HoldClosed, Transfer
from paysettle.payments import documents, queries
from paysettle.payments.lifecycle import STEPS, UNAPPROVED, UNAPPROVED_AFTER, Side, State, Verb, state_after
from paysettle.payments.models import ApprovalDecision, Payment
from paysettle.payments.rules import (
    Approval,
    HoldNotDue,
    PayeeUnavailable,
    PayerUnavailable,
    Terms,
    check_decision,
    check_move,
)

_PAST = {
    Verb.APPROVE: "approved",
    Verb.REJECT: "rejected",
    Verb.WITHDRAW: "withdrawn",
    Verb.CAPTURE: "captured",
    Verb.RELEASE: "released",
    Verb.EXPIRE: "expired",
    Verb.REFUND: "refunded",
}
_NEEDED = {
    Verb.APPROVE: Permission.PAYMENT_APPROVE,
    Verb.REJECT: Permission.PAYMENT_APPROVE,
    Verb.WITHDRAW: Permission.PAY,
    Verb.CAPTURE: Permission.CAPTURE,
    Verb.RELEASE: Permission.RELEASE,
    Verb.EXPIRE: Permission.RELEASE,  # the system's alone: the rules let no party do it
    Verb.REFUND: Permission.REFUND,
}
_PAYMENTS = (
    "SELECT id, payer_id, payee_id, amount_minor, currency, captured_minor, refunded_minor, state, hold_id, expires_at,"
    " note, reference, metadata, version, created_at, created_by_id, approvers_needed, approval_reason, hold_for_s"
    " FROM payments_payment{by_key} WHERE id IN ({values}) ORDER BY id"
)
_APPROVALS = (
    "SELECT payment_id, person_id FROM payments_approval WHERE decision = 'approved' AND payment_id IN ({values})"
)
_APPROVAL_COLUMNS = ("id", "payment_id", "person_id", "made_by_id", "decision", "created_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMove(Item):
    """A move: approve, reject or withdraw; capture or refund this much (None: all that is left), release, or expire.

    `final` lets a capture give back what it leaves on hold.
    """

    by: Caller
    what: Verb
    payment_id: UUID
    amount: Money | None = None
    final: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Wallets:
    """The wallets of payer and payee, their currency, and the hold on the payer's."""

    payer_id: UUID
    payee_id: UUID
    currency: str
    hold_id: UUID | None


@dataclass(slots=True)
class _Payment:
    """A payment as a batch sees it: locked, and how far the batch has taken it."""

    id: UUID
    terms: Terms
    note: str
    reference: str
    metadata: dict[str, str]
    version: int
    version_before: int
    created_at: datetime


class MovePayment(Operation[PaymentMove]):
    """Carries out the moves of payments, many in one transaction."""

    name = "payment.move"
    prefix = "pay"

    def prepare(self, item: PaymentMove) -> _Wallets | None:
        """Find the wallets and the hold of a payment, none of which ever changes.

        None if there is no such payment for the party: it locks nothing then, and its time does not tell. That may
        change, by the last approval, and was true when the party asked.
        """
        there = Payment.objects if STEPS[item.what].by is Side.SYSTEM else queries.payments_of(item.party_id)
        row = there.filter(id=item.payment_id).values("payer_id", "payee_id", "currency", "hold_id").first()
        if row is None:
            return None
        payer, payee = (accounts.wallet(row[side], row["currency"]) for side in ("payer_id", "payee_id"))
        return _Wallets(payer, payee, row["currency"], row["hold_id"])

    def open(self, tx: Transaction, prepared: Sequence[tuple[PaymentMove, _Wallets | None]]) -> "_MoveBook":
        """Lock payments, holds, wallets and limits, then read who may act."""
        return _MoveBook(tx, prepared)


class RefundPayment(MovePayment):
    """The same for refunds, whose keys name the refund that they made."""

    name = "payment.refund"
    prefix = "ref"


class _MoveBook(Book[PaymentMove]):
    def __init__(self, tx: Transaction, prepared: Sequence[tuple[PaymentMove, _Wallets | None]]) -> None:
        self._tx = tx
        self._payments = _lock(tx, [item.payment_id for item, wallets in prepared if wallets is not None])
        self._wallets = {id(item): wallets for item, wallets in prepared}
        found = [wallets for _, wallets in prepared if wallets is not None]
        self._posting = Posting(
            tx,
            [account for w in found for account in (w.payer_id, w.payee_id)],
            [w.hold_id for w in found if w.hold_id is not None],
        )
        self._limits = Limits(
            tx, [(item.by, w.currency) for item, w in prepared if w is not None and item.what is Verb.REFUND]
        )
        parties = {party for p in self._payments.values() for party in (p.terms.payer_id, p.terms.payee_id)}
        self._standing = Standing(tx, [item.by for item, _ in prepared], parties)
        waiting = [p for p in self._payments.values() if p.terms.approval]
        self._approval_rows = tx.ask(_APPROVALS, {p.id.bytes for p in waiting})
        self._blocks = Blocks(tx, [(p.terms.payee_id, p.terms.payer_id) for p in waiting])
        self._approvals: list[tuple[Any, ...]] = []
        self._refunds: list[tuple[Any, ...]] = []

    @cached_property
    def _approved_by(self) -> dict[UUID, set[UUID]]:
        """Who has approved which payment, as far as the batch has come."""
        found: dict[UUID, set[UUID]] = {}
        for payment, person in self._approval_rows.rows:
            found.setdefault(identifiers.from_bytes(payment), set()).add(identifiers.from_bytes(person))
        return found

    def admit(self, item: PaymentMove) -> None:
        self._standing.admit(item.by, _NEEDED[item.what])

    def decide(self, item: PaymentMove, now: datetime) -> Success:
        payment = self._payments.get(item.payment_id)
        wallets = self._wallets[id(item)]
        if wallets is None:
            raise NotFound
        if payment is None:
            raise RowLocked  # it is there, as `prepare` has seen
        self._posting.require([wallets.payer_id, wallets.payee_id], [h for h in [wallets.hold_id] if h])
        check_move(payment.terms, party_id=item.party_id, what=item.what, amount=item.amount)
        if item.what is Verb.REFUND:
            return self._refund(item, payment, wallets, now)
        event_id = identifiers.new()
        if STEPS[item.what].by is Side.PAYER:
            check_decision(
                payment.terms,
                what=item.what,
                person_id=item.by.user_id,
                approved_by=self._approved_by.get(payment.id, ()),
                now=now,
            )
        if item.what is Verb.APPROVE:
            moved_minor, told = self._approve(item, payment, wallets, event_id, now)
        elif item.what is Verb.CAPTURE:
            moved_minor, told = self._capture(item, payment, wallets, event_id, now)
        else:
            moved_minor, told = self._give_back(item, payment, wallets, event_id, now), []
        self._tell(item, payment, event_id, moved_minor, told, now)
        return Success(payment.id, 200, self._document(payment, seen_by=item.party_id))

    def write(self) -> None:
        tx = self._tx
        tx.update(
            "payments_payment",
            ("captured_minor", "refunded_minor", "state", "expires_at", "version"),
            [
                (
                    p.id.bytes,
                    p.terms.captured_minor,
                    p.terms.refunded_minor,
                    p.terms.state.value,
                    None if p.terms.expires_at is None else tx.time(p.terms.expires_at),
                    p.version,
                    p.version_before,
                )
                for p in self._payments.values()
                if p.version != p.version_before
            ],
            guard=("version",),
        )
        columns = ("id", "payment_id", "amount_minor", "reason", "created_by_id", "created_at")
        tx.insert("payments_refund", columns, self._refunds)
        tx.insert("payments_approval", _APPROVAL_COLUMNS, self._approvals)
        self._posting.write()
        self._limits.write()

    def _approve(
        self, item: PaymentMove, payment: _Payment, wallets: _Wallets, event_id: UUID, now: datetime
    ) -> tuple[int, list[dict[str, Any]]]:
        """Note one more approval; with the last one that is needed the payment becomes what its maker ordered.

        Return how much was approved and the transfers as the event tells them. Rule MR15.
        """
        if step_up.concerns(payment.terms.amount.amount_minor):
            self._standing.check_fresh(item.by, now)
        approved_by = self._approved_by.setdefault(payment.id, set())
        approval = _approval_of(payment.terms)
        told: list[dict[str, Any]] = []
        if len(approved_by) + 1 >= approval.demand.approvers:
            payer_id, payee_id = payment.terms.payer_id, payment.terms.payee_id
            is_kept_away = approval.hold_for is not None and self._blocks.keeps_away(payee_id, payer_id)
            if is_kept_away or not self._standing.party(payee_id).active:
                raise PayeeUnavailable
            if approval.hold_for is None:
                told = self._pay(payment, wallets, event_id, now)
            else:
                until = now + approval.hold_for
                self._posting.extend(
                    _hold_of(wallets), for_account_id=wallets.payee_id, until=until, event_id=event_id, at=now
                )
                payment.terms = payment.terms._replace(state=State.AUTHORISED, expires_at=until)
        approved_by.add(item.by.person_id)
        self._note(item, payment, ApprovalDecision.APPROVED, now)
        payment.version += 1
        return payment.terms.amount.amount_minor, told

    def _pay(self, payment: _Payment, wallets: _Wallets, event_id: UUID, now: datetime) -> list[dict[str, Any]]:
        """Pay the payee all that was held while the payment waited; return the transfers as the event tells them."""
        hold_id = _hold_of(wallets)
        amount_minor = payment.terms.amount.amount_minor
        group = Group(
            transfers=[Transfer(wallets.payer_id, wallets.payee_id, amount_minor)],
            subject_kind="payment",
            subject_id=payment.id,
            event_id=event_id,
            captures={hold_id: amount_minor},
        )
        told = self._posting.post(group, at=now)
        payment.terms = payment.terms._replace(state=State.COMPLETED, captured_minor=amount_minor, expires_at=None)
        return told

    def _note(self, item: PaymentMove, payment: _Payment, decision: ApprovalDecision, now: datetime) -> None:
        """Keep what a person decided."""
        self._approvals.append(
            (
                identifiers.new().bytes,
                payment.id.bytes,
                item.by.person_id.bytes,
                payment.terms.made_by.bytes,
                decision.value,
                self._tx.time(now),
            )
        )

    def _capture(
        self, item: PaymentMove, payment: _Payment, wallets: _Wallets, event_id: UUID, now: datetime
    ) -> tuple[int, list[dict[str, Any]]]:
        """Take money from the hold to the payee; return how much and the transfers as the event tells them."""
        if not self._standing.party(payment.terms.payee_id).active:
            raise PayeeUnavailable
        hold_id = _hold_of(wallets)
        amount_minor = item.amount.amount_minor if item.amount else self._posting.hold(hold_id).left_minor
        if amount_minor == 0:
            raise HoldClosed
        group = Group(
            transfers=[Transfer(wallets.payer_id, wallets.payee_id, amount_minor)],
            subject_kind="payment",
            subject_id=payment.id,
            event_id=event_id,
            captures={hold_id: amount_minor},
        )
        told = self._posting.post(group, at=now)
        if item.final and self._posting.hold(hold_id).left_minor:
            self._posting.release(hold_id, event_id=event_id, at=now)
        self._advance(payment, wallets, Verb.CAPTURE, captured_minor=amount_minor)
        return amount_minor, told

    def _give_back(self, item: PaymentMove, payment: _Payment, wallets: _Wallets, event_id: UUID, now: datetime) -> int:
        """Give the payer back what is left on hold; return how much."""
        expired = item.what is Verb.EXPIRE
        if expired and payment.terms.expires_at is not None and now < payment.terms.expires_at:
            raise HoldNotDue
        left_minor = self._posting.release(_hold_of(wallets), event_id=event_id, at=now, expired=expired)
        if payment.terms.state is State.PENDING_APPROVAL:
            payment.terms = payment.terms._replace(state=UNAPPROVED_AFTER[item.what])
            payment.version += 1
        else:
            self._advance(payment, wallets, item.what)
        if item.what is Verb.REJECT:
            self._note(item, payment, ApprovalDecision.REJECTED, now)
        return left_minor

    def _refund(self, item: PaymentMove, payment: _Payment, wallets: _Wallets, now: datetime) -> Success:
        """Move money back from the payee to the payer."""
        terms = payment.terms
        if not self._standing.party(terms.payer_id).active:
            raise PayerUnavailable
        amount = item.amount or Money(terms.refundable_minor, terms.amount.currency)
        if step_up.concerns(amount.amount_minor):
            self._standing.check_fresh(item.by, now)
        self._limits.require(item.by, amount.currency)
        self._limits.check(item.by, amount, now)
        refund_id, event_id = identifiers.new(), identifiers.new()
        group = Group(
            transfers=[Transfer(wallets.payee_id, wallets.payer_id, amount.amount_minor)],
            subject_kind="refund",
            subject_id=refund_id,
            event_id=event_id,
        )
        told = self._posting.post(group, at=now)
        self._limits.count(item.by, amount, now)
        payment.terms = terms._replace(refunded_minor=terms.refunded_minor + amount.amount_minor)
        payment.version += 1
        by = (item.by.user_id or identifiers.SYSTEM).bytes
        self._refunds.append(
            (refund_id.bytes, payment.id.bytes, amount.amount_minor, item.reason, by, self._tx.time(now))
        )
        self._tell(item, payment, event_id, amount.amount_minor, told, now, refund_id=refund_id)
        document = documents.refund(
            refund_id=refund_id, payment_id=payment.id, amount=amount, reason=item.reason, created_at=now
        )
        return Success(refund_id, 201, document)

    def _advance(self, payment: _Payment, wallets: _Wallets, what: Verb, *, captured_minor: int = 0) -> None:
        captured_minor += payment.terms.captured_minor
        held_minor = self._posting.hold(_hold_of(wallets)).left_minor
        state = state_after(captured_minor=captured_minor, held_minor=held_minor, ended_by=what)
        payment.terms = payment.terms._replace(captured_minor=captured_minor, state=state)
        payment.version += 1

    def _document(self, payment: _Payment, *, seen_by: UUID) -> dict[str, Any]:
        terms = payment.terms
        approved = len(self._approved_by.get(payment.id, ()))
        return documents.payment(
            payment_id=payment.id,
            terms=terms,
            payer=self._standing.party(terms.payer_id).named,
            payee=self._standing.party(terms.payee_id).named,
            note=payment.note,
            reference=payment.reference,
            metadata=payment.metadata,
            created_at=payment.created_at,
            approved=approved if seen_by == terms.payer_id else None,
        )

    @staticmethod
    def _tell(
        item: PaymentMove,
        payment: _Payment,
        event_id: UUID,
        moved_minor: int,
        transfers: list[dict[str, Any]],
        now: datetime,
        *,
        refund_id: UUID | None = None,
    ) -> None:
        terms = payment.terms
        public_id = identifiers.show("pay", payment.id)
        data: dict[str, Any] = {
            "payment": public_id,
            "payer": identifiers.show("par", terms.payer_id),
            "payee": identifiers.show("par", terms.payee_id),
            "amount": Money(moved_minor, terms.amount.currency).document(),
            "state": terms.state.value,
            "transfers": transfers,
            **item.by.key_mark,
        }
        if terms.approval is not None and (terms.state in UNAPPROVED or item.what is Verb.APPROVE):
            data["made_by"] = identifiers.show("usr", terms.made_by)
        if refund_id is not None:
            data["refund"] = identifiers.show("ref", refund_id)
        log.record(
            NewEvent(
                event_id=event_id,
                stream=public_id,
                version=payment.version,
                type=f"paysettle.payment.{'lapsed' if terms.state is State.LAPSED else _PAST[item.what]}.v1",
                actor=item.by.actor,
                party=item.by.party,
                data=data,
                request_id=item.request_id,
                at=now,
            )
        )


def _approval_of(terms: Terms) -> Approval:
    if terms.approval is None:
        raise RuntimeError("A payment that waits says what for.")
    return terms.approval


def _hold_of(wallets: _Wallets) -> UUID:
    if wallets.hold_id is None:
        raise RuntimeError("An authorised payment has a hold.")
    return wallets.hold_id


def _lock(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, _Payment]:
    """Lock payments in id order."""
    found = {}
    for row in tx.fetch_in(_PAYMENTS + tx.for_update, {payment_id.bytes for payment_id in ids}):
        (id_, payer, payee, amount_minor, currency, captured_minor, refunded_minor, state, hold, expires_at) = row[:10]
        note, reference, metadata, version, created_at, made_by, *approval = row[10:]
        terms = Terms(
            identifiers.from_bytes(payer),
            identifiers.from_bytes(payee),
            Money(amount_minor, currency),
            captured_minor,
            refunded_minor,
            State(state),
            None if hold is None else identifiers.from_bytes(hold),
            None if expires_at is None else parse_time(expires_at),
            identifiers.from_bytes(made_by),
            Approval.stored(*approval),
        )
        payment_id = identifiers.from_bytes(id_)
        found[payment_id] = _Payment(
            payment_id, terms, note, reference, json.loads(metadata), version, version, parse_time(created_at)
        )
    return found


move_payment = MovePayment()
refund_payment = RefundPayment()
