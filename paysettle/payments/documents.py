"""A payment as the world sees it: plain dictionaries, the same in answers, lists and stored answers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from paysettle.kernel import identifiers, times
from paysettle.kernel.money import Money


def payment(
    *,
    payment_id: UUID,
    payer: tuple[UUID, str],
    payee: tuple[UUID, str],
    money: Money,
    note: str,
    state: str,
    created_at: datetime,
) -> dict[str, Any]:
    """Return the document of a payment; payer and payee are pairs of id and handle."""
    return {
        "id": identifiers.show("pay", payment_id),
        "payer": party(*payer),
        "payee": party(*payee),
        "amount": money.document(),
        "note": note,
        "state": state,
        "created_at": times.show(created_at),
    }


def party(party_id: UUID, handle: str) -> dict[str, str]:
    """Return how a party is named in documents."""
    return {"id": identifiers.show("par", party_id), "handle": handle}
