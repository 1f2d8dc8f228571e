"""Companies for tests, and the people who act for them."""

import os
import secrets
from dataclasses import dataclass, replace

from paysettle.identity.models import Membership, Party, PartyKind
from paysettle.identity.roles import Role
from paysettle.kernel import identifiers, transactions
from tests.http import InProcess
from tests.people import Person
from tests.server import Reply


@dataclass(frozen=True, slots=True)
class Company:
    """An organisation, and who made it."""

    party: Party
    owner: Person

    @property
    def id(self) -> str:
        """The public id."""
        return identifiers.show("par", self.party.id)

    def acted_for_by(self, somebody: Person) -> Person:
        """Return somebody as they are when they act for the company: `caller`, handle and wallet are the company's."""
        return replace(somebody, party_id=self.party.id, handle=self.party.handle)

    def join(self, somebody: Person, role: Role) -> Person:
        """Make somebody a member, and return them acting for the company."""
        now = transactions.run(lambda tx: tx.read_clock())
        Membership.objects.create(user=somebody.user, party=self.party, role=role, created_at=now)
        return self.acted_for_by(somebody)


def company(owner: Person) -> Company:
    """Let somebody make a company; its handle is unique."""
    now = transactions.run(lambda tx: tx.read_clock())
    handle = f"firm-{os.getpid()}-{secrets.token_hex(4)}"
    party = Party.objects.create(kind=PartyKind.ORGANISATION, handle=handle, created_at=now)
    made = Company(party, owner)
    made.join(owner, Role.OWNER)
    return made


def send(who: Person, method: str, path: str, body: object = None, **headers: str) -> Reply:
    """Call the API as a person, for the party that they act for at the moment, with a fresh idempotency key."""
    headers = {"Acting-Party": who.party, "Idempotency-Key": secrets.token_hex(12), **headers}
    return InProcess(replace(who, party_id=who.user.own_party_id)).send(method, path, body, **headers)
