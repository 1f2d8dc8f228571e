"""What an inbox entry tells: the words of the API, of the table and of the sentences."""

from enum import StrEnum


class Kind(StrEnum):
    """What happened, from the reader's side."""

    PAYMENT_RECEIVED = "payment_received"
    SETTLEMENT_REQUESTED = "settlement_requested"
    SETTLEMENT_APPROVED = "settlement_approved"
    SETTLEMENT_REJECTED = "settlement_rejected"
    SETTLEMENT_WITHDRAWN = "settlement_withdrawn"
