"""Personal data and data of registers, behind one seam: stored and read here and nowhere else.

No other module reads these columns, so that how they are kept at rest, and how they are forgotten, is decided here. No
event and no log holds any of it. E-mail addresses come in through allauth's forms (`adapters.py`) and are verified by
`operations/addresses.py`; whoever else needs one asks here. `tests/house/test_personal_data.py` holds all of this.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from paysettle.identity.models import Contact, Organisation, Party, PartyKind, Profile, User

LEGAL_NAME_LENGTH_MAX = 200
REGISTRATION_NUMBER_LENGTH_MAX = 64
FULL_NAME_LENGTH_MAX = 200
PRIVATE_NAME_LENGTH_MAX = 100


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


def replace(party_id: UUID, said: Registration) -> None:
    """Store what a register says of an organisation now, inside the transaction that is open."""
    Organisation.objects.filter(party_id=party_id).update(
        legal_name=said.legal_name, country=said.country, registration_number=said.registration_number
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


def name_of(party: Party) -> str:
    """Return the name by which a party is known to others than us, "" if none is stored.

    An organisation's legal name, or what a person says of themself.
    """
    if party.kind == PartyKind.ORGANISATION:
        return Organisation.objects.values_list("legal_name", flat=True).get(party=party)
    return full_name(party.id)


def full_name(party_id: UUID) -> str:
    """Return the name that a person has given, "" for none."""
    return Profile.objects.filter(party_id=party_id).values_list("full_name", flat=True).first() or ""


def keep_full_name(profile: Profile, name: str) -> None:
    """Store the name that a person gives, "" for none, inside the transaction that is open."""
    Profile.objects.filter(party_id=profile.party_id).update(full_name=name)


def keep_private_name(contact: Contact, name: str) -> None:
    """Store the name that the owner of a contact gives it, "" for none, inside the transaction that is open."""
    contact.private_name = name
    Contact.objects.filter(id=contact.id).update(private_name=name)


def private_name(contact: Contact) -> str:
    """Return the name that the owner of a contact has given it, "" for none."""
    return contact.private_name


def email_of(user: User) -> str:
    """Return the address of a person, verified or not (`queries.has_verified`)."""
    return user.email


def was_mailed_to(user: User, kept: Mapping[str, Any]) -> bool:
    """Tell whether a code went to the address that a person has now; `kept` is what allauth keeps of the code."""
    return bool(kept["email"] == user.email)


def keep_email(user: User, address: str) -> None:
    """Store the address that a person has verified, inside the transaction that is open."""
    User.objects.filter(id=user.id).update(email=address)


def has_email(address: str) -> Q:
    """Return the condition that a User has this address, verified or not."""
    return Q(emailaddress__email=address.lower())
