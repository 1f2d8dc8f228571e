"""Who may pay whom and what may become of a payment. Plain Python, in the order in which it is checked."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from paysettle.identity.limit_rules import Demand, Reason
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.money import Money
from paysettle.payments.lifecycle import STEPS, UNAPPROVED, Side, State, Verb

NOTE_LENGTH_MAX = 140
REFERENCE_LENGTH_MAX = 64
METADATA_BYTES_MAX = 2048
METADATA_KEYS_MAX = 20
WEIGHT_MAX = 1_000_000

HOLD_LIFE_MIN = timedelta(seconds=10)
HOLD_LIFE_DEFAULT = timedelta(days=7)
HOLD_LIFE_MAX = timedelta(days=30)


class PayeeNotFound(DomainError):
    """Nobody has this handle or id."""

    code = "payee_not_found"
    status = 422
    title = "There is no such payee."


class PaymentToOneself(DomainError):
    """Payer and payee are the same party."""

    code = "payment_to_oneself"
    status = 422
    title = "A payment needs two parties."


class PayeeUnavailable(DomainError):
    """The payee exists and takes no payments at the moment."""

    code = "payee_unavailable"
    status = 422
    title = "The payee cannot be paid at the moment."
    stored = True


class PayerUnavailable(DomainError):
    """The payer of the original exists and takes no refunds at the moment."""

    code = "payer_unavailable"
    status = 422
    title = "The payer cannot be paid back at the moment."
    stored = True


class NotThePayee(DomainError):
    """Only the payee captures, releases and refunds."""

    code = "not_the_payee"
    status = 403
    title = "Only the payee can do this."


class NotThePayer(DomainError):
    """Only the payer's organisation approves, rejects and withdraws."""

    code = "not_the_payer"
    status = 403
    title = "Only the payer can do this."


class OwnPayment(DomainError):
    """Nobody approves or rejects what they have made themselves. Rule MR15."""

    code = "own_payment"
    status = 403
    title = "You made this payment yourself: somebody else must decide about it."


class NotTheMaker(DomainError):
    """A payment that waits is withdrawn by who made it; others reject it."""

    code = "not_the_maker"
    status = 403
    title = "Only who made this payment may withdraw it."


class AlreadyDecided(DomainError):
    """Each person counts once. Rule MR15."""

    code = "already_decided"
    status = 409
    title = "You have approved this payment already."


class PaymentNotPending(DomainError):
    """The payment does not wait for approval: it never did, was decided, withdrawn or has lapsed."""

    code = "payment_not_pending"
    status = 409
    title = "This payment does not wait for approval."
    stored = True


class ApprovalTooLate(DomainError):
    """The payment has waited for longer than it may."""

    code = "approval_too_late"
    status = 409
    title = "This payment has waited too long: it has to be made again."
    stored = True


class HoldNotDue(DomainError):
    """The deadline of the hold has not come yet."""

    code = "hold_not_due"
    status = 409
    title = "The hold has not expired yet."


class PaymentNotAuthorised(DomainError):
    """The payment holds no money: it was completed, released or has expired."""

    code = "payment_not_authorised"
    status = 409
    title = "This payment holds no money any more."
    stored = True


class NothingToRefund(DomainError):
    """No money of this payment has been captured."""

    code = "nothing_to_refund"
    status = 409
    title = "Nothing of this payment has been paid, so nothing can be refunded."
    stored = True


class RefundExceedsPayment(DomainError):
    """The refunds would add up to more than was captured. Rule MR14."""

    code = "refund_exceeds_payment"
    status = 422
    title = "Less than that is left to refund."
    stored = True


class CurrencyMismatch(DomainError):
    """The amount is in another currency than the payment."""

    code = "currency_mismatch"
    status = 422
    title = "The amount must be in the currency of the payment."


@dataclass(frozen=True, slots=True)
class Approval:
    """What a payment needs before it moves, and what it becomes then: held this long for the payee, None: paid."""

    demand: Demand
    hold_for: timedelta | None

    @classmethod
    def stored(cls, approvers: int | None, reason: str | None, hold_for_s: int | None) -> "Approval | None":
        """Return what the columns of a payment say; None when nobody had to approve."""
        if approvers is None or reason is None:
            return None
        hold_for = None if hold_for_s is None else timedelta(seconds=hold_for_s)
        return cls(Demand(approvers, Reason(reason)), hold_for)


class Terms(NamedTuple):
    """What a payment says and where it stands: all that the rules need to know. Amounts in minor units.

    `expires_at` is until when the money is held: for the approvers while they are waited for, then for the payee.
    """

    payer_id: UUID
    payee_id: UUID
    amount: Money
    captured_minor: int
    refunded_minor: int
    state: State
    hold_id: UUID | None
    expires_at: datetime | None
    made_by: UUID
    approval: Approval | None = None

    @property
    def refundable_minor(self) -> int:
        """What may still be refunded."""
        return self.captured_minor - self.refunded_minor


def check_move(terms: Terms, *, party_id: UUID, what: Verb, amount: Money | None) -> None:
    """Raise the first reason why a party may not make a move; what the ledger refuses comes later.

    Raises NotFound for a stranger, and for the payee of what is not approved; NotThePayee or NotThePayer for the
    wrong side, CurrencyMismatch, PaymentNotAuthorised or PaymentNotPending, NothingToRefund, RefundExceedsPayment.
    """
    step = STEPS[what]
    if step.by is not Side.SYSTEM:
        if party_id != terms.payer_id and (party_id != terms.payee_id or terms.state in UNAPPROVED):
            raise NotFound
        if step.by is Side.PAYEE and party_id != terms.payee_id:
            raise NotThePayee
        if step.by is Side.PAYER and party_id != terms.payer_id:
            raise NotThePayer
    if amount is not None and amount.currency != terms.amount.currency:
        raise CurrencyMismatch
    if what is Verb.REFUND and terms.captured_minor == 0:
        raise NothingToRefund
    if terms.state not in step.before:
        raise PaymentNotPending if step.by is Side.PAYER else PaymentNotAuthorised
    if what is Verb.REFUND and (terms.refundable_minor == 0 or _above(amount, terms.refundable_minor)):
        left = Money(terms.refundable_minor, terms.amount.currency)
        raise RefundExceedsPayment(f"{left} are left to refund.")


def check_decision(
    terms: Terms, *, what: Verb, person_id: UUID | None, approved_by: Collection[UUID], now: datetime
) -> None:
    """Raise the first reason why a person may not decide about a payment that waits. Rule MR15.

    Raises OwnPayment, NotTheMaker, AlreadyDecided, ApprovalTooLate.
    """
    if what is Verb.WITHDRAW:
        if person_id != terms.made_by:
            raise NotTheMaker
        return
    if person_id is None or person_id == terms.made_by:
        raise OwnPayment
    if what is Verb.APPROVE and person_id in approved_by:
        raise AlreadyDecided
    if what is Verb.APPROVE and terms.expires_at is not None and now >= terms.expires_at:
        raise ApprovalTooLate


def _above(amount: Money | None, limit_minor: int) -> bool:
    return amount is not None and amount.amount_minor > limit_minor
