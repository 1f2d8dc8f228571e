"""How people and parties look in the API."""

from typing import Any
from uuid import UUID

from paysettle.identity import queries
from paysettle.identity.caller import Caller
from paysettle.identity.models import Party
from paysettle.kernel import identifiers


def me(caller: Caller, user_id: UUID) -> dict[str, Any]:
    """Return the person who calls, with the parties that they may act for."""
    person = queries.person(user_id)
    return {
        "id": caller.actor,
        "handle": person.own_party.handle,
        "party": identifiers.show("par", person.own_party_id),
        "acting_party": caller.party,
        "parties": [party(found) for found in queries.parties_of(user_id)],
    }


def party(found: Party) -> dict[str, str]:
    """Return a party."""
    return {
        "id": identifiers.show("par", found.id),
        "handle": found.handle,
        "kind": found.kind,
        "state": found.state,
    }
