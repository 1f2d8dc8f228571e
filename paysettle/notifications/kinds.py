"""What an inbox entry tells: the words of the API, of the table and of the sentences."""

from enum import StrEnum


class Kind(StrEnum):
    """What happened, from the reader's side."""

    PAYMENT_RECEIVED = "payment_received"
    PAYMENT_AUTHORISED = "payment_authorised"
    PAYMENT_CAPTURED = "payment_captured"
    PAYMENT_RELEASED = "payment_released"
    PAYMENT_EXPIRED = "payment_expired"
    PAYMENT_REFUNDED = "payment_refunded"
    SETTLEMENT_REQUESTED = "settlement_requested"
    SETTLEMENT_APPROVED = "settlement_approved"
    SETTLEMENT_REJECTED = "settlement_rejected"
    SETTLEMENT_WITHDRAWN = "settlement_withdrawn"
    ACCOUNT_CLOSED = "account_closed"
