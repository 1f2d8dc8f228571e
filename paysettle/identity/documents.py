"""How people and parties look in the API."""

from typing import Any

from paysettle.identity import queries
from paysettle.identity.caller import Caller
from paysettle.identity.models import Membership
from paysettle.kernel import identifiers


def me(caller: Caller) -> dict[str, Any]:
    """Return the person who calls, with the parties that they may act for."""
    person = queries.person(caller.person_id)
    return {
        "id": caller.actor,
        "handle": person.own_party.handle,
        "party": identifiers.show("par", person.own_party_id),
        "acting_party": caller.party,
        "parties": [membership(found) for found in queries.memberships_of(caller.person_id)],
    }


def membership(found: Membership) -> dict[str, str]:
    """Return a party that somebody acts for, and in which role."""
    return {
        "id": identifiers.show("par", found.party_id),
        "handle": found.party.handle,
        "kind": found.party.kind,
        "state": found.party.state,
        "role": found.role,
    }
