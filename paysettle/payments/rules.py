"""Who may pay whom and what may become of a payment. Plain Python, in the order in which it is checked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.money import Money
from paysettle.payments.lifecycle import STEPS, Side, State, Verb

NOTE_LENGTH_MAX = 140
REFERENCE_LENGTH_MAX = 64
METADATA_BYTES_MAX = 2048
METADATA_KEYS_MAX = 20

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
class Terms:
    """What a payment says and where it stands: all that the rules need to know. Amounts in minor units."""

    payer_id: UUID
    payee_id: UUID
    amount: Money
    captured_minor: int
    refunded_minor: int
    state: State
    hold_id: UUID | None
    expires_at: datetime | None

    @property
    def refundable_minor(self) -> int:
        """What may still be refunded."""
        return self.captured_minor - self.refunded_minor


def check_move(terms: Terms, *, party_id: UUID, what: Verb, amount: Money | None) -> None:
    """Raise the first reason why a party may not make a move; what the ledger refuses comes later.

    Raises NotFound for a stranger, NotThePayee for the payer, CurrencyMismatch, PaymentNotAuthorised,
    NothingToRefund and RefundExceedsPayment.
    """
    step = STEPS[what]
    if step.by is Side.PAYEE:
        if party_id not in {terms.payer_id, terms.payee_id}:
            raise NotFound
        if party_id != terms.payee_id:
            raise NotThePayee
    if amount is not None and amount.currency != terms.amount.currency:
        raise CurrencyMismatch
    if what is Verb.REFUND and terms.captured_minor == 0:
        raise NothingToRefund
    if terms.state not in step.before:
        raise PaymentNotAuthorised
    if what is Verb.REFUND and (terms.refundable_minor == 0 or _above(amount, terms.refundable_minor)):
        left = Money(terms.refundable_minor, terms.amount.currency)
        raise RefundExceedsPayment(f"{left} are left to refund.")


def _above(amount: Money | None, limit_minor: int) -> bool:
    return amount is not None and amount.amount_minor > limit_minor
