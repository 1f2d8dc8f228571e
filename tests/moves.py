"""Authorised payments and refunds for tests, through the lane."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from paysettle.identity.caller import Caller
from paysettle.kernel import identifiers
from paysettle.kernel.idempotency import Answer, fingerprint
from paysettle.kernel.identifiers import SYSTEM
from paysettle.kernel.lane import lane
from paysettle.kernel.money import Money
from paysettle.payments.lifecycle import Verb
from paysettle.payments.operations.bulk import BatchItem, BatchOrder, batch_order
from paysettle.payments.operations.moves import PaymentMove, move_payment, refund_payment
from paysettle.payments.operations.send import PaymentOrder, send_payment
from tests.people import Person, payment_order

WEEK = timedelta(days=7)


def authorise_order(
    by: Person, to: Person, amount_minor: int, *, hold_for: timedelta = WEEK, key: str | None = None
) -> PaymentOrder:
    """Return an order to hold money for a payee."""
    order = payment_order(by, to, amount_minor, key=key)
    said = fingerprint(to.handle, amount_minor, "EUR", "", hold_for.total_seconds())
    return replace(order, hold_for=hold_for, fingerprint=said)


def authorise(
    by: Person, to: Person, amount_minor: int, *, hold_for: timedelta = WEEK, key: str | None = None
) -> Answer:
    """Hold money for a payee."""
    return lane.call(send_payment, authorise_order(by, to, amount_minor, hold_for=hold_for, key=key))


def move_order(
    by: Person,
    what: Verb,
    payment: str,
    amount_minor: int | None = None,
    *,
    final: bool = False,
    key: str | None = None,
) -> PaymentMove:
    """Return an order to capture, release or refund."""
    return PaymentMove(
        party_id=by.party_id,
        key=key or secrets.token_hex(8),
        fingerprint=fingerprint(what.value, payment, amount_minor, final),
        request_id=identifiers.show("req", identifiers.new()),
        by=by.caller,
        what=what,
        payment_id=identifiers.parse("pay", payment),
        amount=None if amount_minor is None else Money(amount_minor, "EUR"),
        final=final,
    )


def expire_order(payment: str, *, key: str | None = None) -> PaymentMove:
    """Return the system's order to expire a payment."""
    return PaymentMove(
        party_id=SYSTEM,
        key=key or secrets.token_hex(8),
        fingerprint=fingerprint("expire", payment),
        request_id=identifiers.show("req", identifiers.new()),
        by=Caller(party_id=SYSTEM, operator="tests"),
        what=Verb.EXPIRE,
        payment_id=identifiers.parse("pay", payment),
    )


def capture(
    by: Person, payment: str, amount_minor: int | None = None, *, final: bool = False, key: str | None = None
) -> Answer:
    """Take money that is held."""
    return lane.call(move_payment, move_order(by, Verb.CAPTURE, payment, amount_minor, final=final, key=key))


def release(by: Person, payment: str, *, key: str | None = None) -> Answer:
    """Give held money back."""
    return lane.call(move_payment, move_order(by, Verb.RELEASE, payment, key=key))


def refund(by: Person, payment: str, amount_minor: int | None = None, *, key: str | None = None) -> Answer:
    """Pay captured money back."""
    return lane.call(refund_payment, move_order(by, Verb.REFUND, payment, amount_minor, key=key))


def batch_of(by: Person, items: Sequence[BatchItem], *, key: str = "batch") -> BatchOrder:
    """Return an order for a batch, its own orders for the time after the session, as the API makes them."""
    lasting = [
        one if one.order is None else replace(one, order=replace(one.order, by=one.order.by.after_its_session()))
        for one in items
    ]
    return batch_order(by=by.caller, key=key, items=lasting, request_id="req_test", batch_id=identifiers.new())
