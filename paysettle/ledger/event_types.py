"""How events tell what was booked."""

from paysettle.events.catalogue import MONEY, Schema, identifier, list_of

_SEQUENCE = {"type": "integer", "minimum": 1, "description": "place in the account's own order, without gap"}

TRANSFERS: Schema = list_of(
    id=identifier("tra"),
    debit_account=identifier("acc"),
    debit_sequence=_SEQUENCE,
    credit_account=identifier("acc"),
    credit_sequence=_SEQUENCE,
    amount=MONEY,
)
