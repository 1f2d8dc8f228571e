"""Reading payment orders out of bodies: the same for a single payment, a preview and an item of a batch."""

from datetime import timedelta
from typing import Any

from paysettle.api.validators import Fields
from paysettle.identity.caller import Caller
from paysettle.kernel.idempotency import fingerprint
from paysettle.payments.operations.send import PaymentOrder
from paysettle.payments.rules import (
    HOLD_LIFE_DEFAULT,
    HOLD_LIFE_MAX,
    HOLD_LIFE_MIN,
    METADATA_BYTES_MAX,
    METADATA_KEYS_MAX,
    NOTE_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
)

PAYEE_LENGTH_MAX = 40


_HOLD_S_MIN, _HOLD_S_MAX = (int(life.total_seconds()) for life in (HOLD_LIFE_MIN, HOLD_LIFE_MAX))


def payment_order(fields: Fields, *, by: Caller, key: str, request_id: str) -> PaymentOrder:
    """Read the fields of an order; what is wrong is noted in `fields`, whose `check` comes after."""
    payee = fields.text("payee", longest=PAYEE_LENGTH_MAX)
    money = fields.money("amount")
    note = fields.text("note", longest=NOTE_LENGTH_MAX, required=False)
    reference = fields.text("reference", longest=REFERENCE_LENGTH_MAX, required=False)
    metadata = fields.labels("metadata", most=METADATA_KEYS_MAX, bytes_most=METADATA_BYTES_MAX)
    hold_for = _hold_for(fields)
    said: list[Any] = [payee, money.amount_minor, money.currency, note, reference, metadata]
    return PaymentOrder(
        party_id=by.party_id,
        key=key,
        fingerprint=fingerprint("v1", *said, None if hold_for is None else hold_for.total_seconds()),
        request_id=request_id,
        by=by,
        payee=payee,
        money=money,
        note=note,
        reference=reference,
        metadata=metadata,
        hold_for=hold_for,
    )


def _hold_for(fields: Fields) -> timedelta | None:
    """Return how long to hold the money, None to pay at once."""
    capture = fields.choice("capture", ("now", "later"), default="now")
    seconds = fields.whole(
        "expires_in_s",
        least=_HOLD_S_MIN,
        most=_HOLD_S_MAX,
        default=None,
    )
    if capture == "later":
        return HOLD_LIFE_DEFAULT if seconds is None else timedelta(seconds=seconds)
    if seconds is not None:
        fields.refuse("expires_in_s", "not_applicable", 'This goes with "capture": "later" alone.')
    return None
