"""Finding a payee, and asking before one pays whether it is the one that is meant.

Nobody is told why somebody was not found: unknown, not to be found by e-mail, not taking part any more, or keeping the
caller away. All of these are the same questions to the database, and the same answer.
"""

from uuid import UUID

from paysettle.identity import addresses, names, personal
from paysettle.identity.caller import Caller
from paysettle.identity.models import Contact, LookUpKind, Party, PartyKind, PartyState, Profile, VerifiedAddress
from paysettle.identity.names import Agreement
from paysettle.identity.operations import look_ups
from paysettle.kernel import identifiers
from paysettle.kernel.identifiers import SYSTEM, BadIdentifier


def find_by_handle(*, by: Caller, handle: str) -> Party:
    """Return the party that has exactly this handle. Raises LookUpsLimited, NotFound."""
    return look_ups.run(
        by=by, kind=LookUpKind.FIND, asked=f"handle {handle}", search=lambda: _visible(_by_handle(handle), to=by)
    )


def find_by_email(*, by: Caller, email: str) -> Party:
    """Return the person who has verified this address and lets others find them by it.

    Raises LookUpsLimited, NotFound.
    """
    return look_ups.run(
        by=by,
        kind=LookUpKind.FIND,
        asked=f"email {addresses.normal(email)}",
        search=lambda: _visible(_by_email(email), to=by),
    )


def verify(*, by: Caller, payee: str, name: str) -> tuple[Party, Agreement]:
    """Return the party that a handle or id names, and how far its name agrees with the expected one.

    Raises LookUpsLimited, NotFound.
    """
    found = look_ups.run(
        by=by,
        kind=LookUpKind.VERIFY,
        asked=f"{payee} {name}",
        search=lambda: _visible(_by_reference(payee), to=by),
    )
    known = personal.name_of(found)
    return found, names.compare(name, known, is_organisation=found.kind == PartyKind.ORGANISATION)


def named(reference: str) -> Party | None:
    """Return the party that a handle or id names, None if there is none or it does not take part."""
    found = _by_reference(reference)
    return found if found is not None and found.state == PartyState.ACTIVE else None


def _by_reference(reference: str) -> Party | None:
    try:
        return Party.objects.filter(id=identifiers.parse("par", reference)).first()
    except BadIdentifier:
        return _by_handle(reference)


def _by_handle(handle: str) -> Party | None:
    # To the letter: MySQL's collations would take other letters, and blanks at the end, for the same.
    found = Party.objects.filter(handle=handle).first()
    return found if found is not None and found.handle == handle else None


def _by_email(email: str) -> Party | None:
    holders = VerifiedAddress.objects.filter(digest=addresses.digest(email), user__is_active=True)
    holder = holders.select_related("user__own_party").first()
    party_id = SYSTEM if holder is None else holder.user.own_party_id
    allowed = Profile.objects.filter(party_id=party_id, findable_by_email=True).exists()
    return holder.user.own_party if holder is not None and allowed else None


def _visible(party: Party | None, *, to: Caller) -> Party | None:
    """Return a party that takes part and does not keep the caller away; asked for nobody as for somebody."""
    is_blocked = _blocks(SYSTEM if party is None else party.id, to.party_id)
    return party if party is not None and party.state == PartyState.ACTIVE and not is_blocked else None


def _blocks(owner_id: UUID, party_id: UUID) -> bool:
    return Contact.objects.filter(owner_id=owner_id, party_id=party_id, is_blocked=True).exists()
