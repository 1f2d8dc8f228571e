"""Questions about settlements."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from paysettle.identity import queries as people
from paysettle.kernel.errors import NotFound
from paysettle.kernel.money import Money
from paysettle.settlements import documents
from paysettle.settlements.documents import Move
from paysettle.settlements.lifecycle import State, Verb
from paysettle.settlements.models import Settlement, SettlementLeg
from paysettle.settlements.rules import Leg

OPERATION = "settlement.move"


def settlements_of(party_id: UUID) -> "QuerySet[Settlement]":
    """Return the settlements that a party is part of."""
    legs = SettlementLeg.objects.filter(Q(debtor_id=party_id) | Q(creditor_id=party_id))
    return Settlement.objects.filter(id__in=legs.values("settlement_id"))


def open_settlements_of(party_id: UUID) -> "QuerySet[Settlement]":
    """Return the settlements of a party that nobody has decided or withdrawn yet."""
    return settlements_of(party_id).filter(state=State.REQUESTED)


def settlement(*, party_id: UUID, settlement_id: UUID) -> dict[str, Any]:
    """Return one settlement of a party; raise NotFound if it is absent or not the party's."""
    found = settlements_of(party_id).filter(id=settlement_id).first()
    if found is None:
        raise NotFound
    return settlement_documents([found])[0]


def legs_of(settlement_ids: Iterable[UUID]) -> dict[UUID, list[Leg]]:
    """Return the legs of settlements, in order."""
    found: dict[UUID, list[Leg]] = {}
    for row in SettlementLeg.objects.filter(settlement_id__in=set(settlement_ids)).order_by("id"):
        leg = Leg(row.id, row.debtor_id, row.creditor_id, Money(row.amount_minor, row.currency))
        found.setdefault(row.settlement_id, []).append(leg)
    return found


def settlement_documents(settlements: Sequence[Settlement]) -> list[dict[str, Any]]:
    """Return the documents of settlements, with their history and the handles of their parties."""
    rows = list(Settlement.objects.filter(id__in=[s.id for s in settlements]).prefetch_related("moves"))
    with_moves = {row.id: row for row in rows}
    legs = legs_of(with_moves)
    parties = {party for found in legs.values() for leg in found for party in (leg.debtor_id, leg.creditor_id)}
    handles = people.handles(parties | {s.asker_id for s in settlements})
    return [
        documents.settlement(
            settlement_id=s.id,
            asker_id=s.asker_id,
            state=State(s.state),
            legs=legs[s.id],
            moves=[
                Move(m.version, m.party_id, Verb(m.what), m.reason, m.at)
                for m in sorted(with_moves[s.id].moves.all(), key=lambda move: move.version)
            ],
            handles=handles,
        )
        for s in settlements
    ]
