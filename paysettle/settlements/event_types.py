"""The events of settlements. Reasons and messages are in no event."""

from paysettle.events.catalogue import BY_KEY, MONEY, describe, identifier, list_of
from paysettle.ledger.event_types import TRANSFERS

_TERMS = {
    "settlement": identifier("set"),
    "asker": identifier("par"),
    "legs": list_of(debtor=identifier("par"), creditor=identifier("par"), amount=MONEY),
    **BY_KEY,
}
_OPTIONAL = tuple(BY_KEY)

describe("paysettle.settlement.requested.v1", "A creditor asked for what is owed.", _TERMS, optional=_OPTIONAL)
describe(
    "paysettle.settlement.settled.v1",
    "The debtor approved, and the money moved in the same transaction.",
    {**_TERMS, "transfers": TRANSFERS},
    optional=_OPTIONAL,
)
describe("paysettle.settlement.rejected.v1", "The debtor said no; nothing moved.", _TERMS, optional=_OPTIONAL)
describe(
    "paysettle.settlement.withdrawn.v1", "The asker took the request back; nothing moved.", _TERMS, optional=_OPTIONAL
)
