"""What an inbox entry tells: the words of the API, of the table and of the sentences."""

from enum import StrEnum


class Kind(StrEnum):
    """What happened, from the reader's side."""

    PAYMENT_RECEIVED = "payment_received"
    PAYMENT_AUTHORISED = "payment_authorised"
    PAYMENT_CAPTURED = "payment_captured"
    PAYMENT_RELEASED = "payment_released"
    PAYMENT_EXPIRED = "payment_expired"
    PAYMENT_APPROVAL_REQUESTED = "payment_approval_requested"
    PAYMENT_APPROVED = "payment_approved"
    PAYMENT_REJECTED = "payment_rejected"
    PAYMENT_LAPSED = "payment_lapsed"
    PAYMENT_REFUNDED = "payment_refunded"
    SETTLEMENT_REQUESTED = "settlement_requested"
    SETTLEMENT_APPROVED = "settlement_approved"
    SETTLEMENT_REJECTED = "settlement_rejected"
    SETTLEMENT_WITHDRAWN = "settlement_withdrawn"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - what happened, not a password
    ADDRESS_CHANGED = "address_changed"
    SECOND_FACTOR_ADDED = "second_factor_added"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    SESSION_ENDED = "session_ended"
    API_KEY_MADE = "api_key_made"
    API_KEY_ROTATED = "api_key_rotated"
    API_KEY_REVOKED = "api_key_revoked"
    ACCOUNT_CLOSED = "account_closed"
