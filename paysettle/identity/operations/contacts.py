"""A party's list of contacts: kept, named, blocked, removed. Nothing else puts anybody on it.

To keep somebody is a look-up like any other, and counted with them. A party that is blocked cannot find the other one,
nor ask it for money, nor hold money for it; what it pays is accepted (`docs/decisions`). Nobody is told that they are
blocked.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from paysettle.identity import personal, queries
from paysettle.identity.caller import Caller
from paysettle.identity.models import Contact, LookUpKind, Party
from paysettle.identity.operations import look_ups, payees, recording
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction

KEPT_MAX = 5000
"""How many contacts a party keeps."""


class ContactWithOneself(DomainError):
    """A party is no contact of itself."""

    code = "contact_with_oneself"
    status = 422
    title = "You cannot be your own contact."


class AlreadyContact(DomainError):
    """The party is on the list already."""

    code = "already_contact"
    status = 409
    title = "This party is one of your contacts already."


class TooManyContacts(DomainError):
    """The list is full."""

    code = "too_many_contacts"
    status = 409
    title = f"A party keeps at most {KEPT_MAX} contacts: remove one first."


def keep(*, by: Caller, reference: str, name: str) -> Contact:
    """Put the party that a handle or id names on the list of the acting party, under a name ("" for none).

    One that keeps the acting party away, too: it may have to be kept away itself, and whoever pays it learns that it is
    there as well.

    Raises LookUpsLimited, NotFound, ContactWithOneself, AlreadyContact, TooManyContacts.
    """
    party = look_ups.run(by=by, kind=LookUpKind.KEEP, asked=reference, search=lambda: payees.named(reference))
    if party.id == by.party_id:
        raise ContactWithOneself

    def work(tx: Transaction) -> Contact:
        Party.objects.select_for_update().get(id=by.party_id)  # of several that are kept at once, each is counted
        _check_new(by.party_id, party.id)
        now = tx.read_clock()
        contact = Contact.objects.create(owner_id=by.party_id, party=party, created_at=now)
        personal.keep_private_name(contact, name)
        _record(contact, "kept", by=by, at=now)
        return contact

    return transactions.run(work)


def rename(*, by: Caller, contact_id: UUID, name: str) -> Contact:
    """Give a contact of the acting party another name ("" for none) and return it. Raises NotFound."""

    def change(contact: Contact) -> str | None:
        if personal.private_name(contact) == name:
            return None
        personal.keep_private_name(contact, name)
        return "renamed"

    return _change(by, contact_id, change)


def block(*, by: Caller, contact_id: UUID) -> Contact:
    """Keep a contact from finding the acting party and asking it for money, from now on. Raises NotFound."""
    return _change(by, contact_id, lambda contact: _set_blocked(contact, True))  # noqa: FBT003 - the column


def unblock(*, by: Caller, contact_id: UUID) -> Contact:
    """Let a contact find the acting party and ask it for money again. Raises NotFound."""
    return _change(by, contact_id, lambda contact: _set_blocked(contact, False))  # noqa: FBT003


def remove(*, by: Caller, contact_id: UUID) -> None:
    """Take a contact off the list of the acting party, and its block with it. Raises NotFound."""

    def change(contact: Contact) -> str:
        Contact.objects.filter(id=contact.id).delete()
        return "removed"

    _change(by, contact_id, change)


def _check_new(owner_id: UUID, party_id: UUID) -> None:
    of_owner = Contact.objects.filter(owner_id=owner_id)
    if of_owner.filter(party_id=party_id).exists():
        raise AlreadyContact
    if of_owner.count() >= KEPT_MAX:
        raise TooManyContacts


def _change(by: Caller, contact_id: UUID, change: Callable[[Contact], str | None]) -> Contact:
    """Change a contact under its lock; `change` names the event, None if it is so already."""

    def work(tx: Transaction) -> Contact:
        Contact.objects.select_for_update().filter(id=contact_id, owner_id=by.party_id).first()
        contact = queries.contact(party_id=by.party_id, contact_id=contact_id)
        what = change(contact)
        if what is not None:
            contact.version += 1
            Contact.objects.filter(id=contact.id).update(version=contact.version)
            _record(contact, what, by=by, at=tx.read_clock())
        return contact

    return transactions.run(work)


def _set_blocked(contact: Contact, blocked: bool) -> str | None:  # noqa: FBT001 - the column
    if contact.is_blocked == blocked:
        return None
    contact.is_blocked = blocked
    Contact.objects.filter(id=contact.id).update(is_blocked=blocked)
    return "blocked" if blocked else "unblocked"


def _record(contact: Contact, what: str, *, by: Caller, at: datetime) -> None:
    recording.event(
        stream=identifiers.show("con", contact.id),
        version=contact.version,
        type_=f"contact.{what}",
        actor=by.actor,
        party=by.party,
        at=at,
        data={
            "contact": identifiers.show("con", contact.id),
            "owner": by.party,
            "contact_party": identifiers.show("par", contact.party_id),
        },
    )
