"""What settlements have to say when an account is to be closed."""

from uuid import UUID

from paysettle.identity.closing import Hindrance, Part
from paysettle.kernel.transactions import Transaction
from paysettle.settlements import queries


def hindrances(_tx: Transaction, party_id: UUID) -> list[Hindrance]:
    """Return the settlements of a party that nobody has decided yet.

    One that is asked for at this very moment may be missed: it can then be withdrawn or rejected, and not be approved.
    """
    count = queries.open_settlements_of(party_id).count()
    message = "A settlement is open: decide or withdraw it."
    return [Hindrance("settlement_open", message, count)] if count else []


PART = Part(hindrances=hindrances)
