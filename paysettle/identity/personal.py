"""Personal data and data of registers, behind one seam: stored and read here and nowhere else.

No other module reads these columns, so that how they are kept at rest, and how they are forgotten, is decided here. No
event and no log holds any of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from paysettle.identity.models import Organisation

LEGAL_NAME_LENGTH_MAX = 200
REGISTRATION_NUMBER_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a register says of an organisation; the country as in `kernel/countries.py`, the number may be missing."""

    legal_name: str
    country: str
    registration_number: str = ""


def keep(party_id: UUID, said: Registration) -> None:
    """Store what a register says of a new organisation, inside the transaction that is open."""
    Organisation.objects.create(
        party_id=party_id,
        legal_name=said.legal_name,
        country=said.country,
        registration_number=said.registration_number,
    )


def registrations(party_ids: Iterable[UUID]) -> dict[UUID, Registration]:
    """Return what registers say of these organisations."""
    return {row.party_id: registration(row) for row in Organisation.objects.filter(party_id__in=set(party_ids))}


def registration(row: Organisation) -> Registration:
    """Return what a row holds."""
    return Registration(legal_name=row.legal_name, country=row.country, registration_number=row.registration_number)


def has_legal_name_like(start: str) -> Q:
    """Return the condition that the legal name of an Organisation begins with a text."""
    return Q(legal_name__istartswith=start)
