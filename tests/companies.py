"""Companies for tests, and the people who act for them."""

import os
import secrets
from dataclasses import dataclass, replace

from paysettle.identity.models import Membership, Party
from paysettle.identity.operations import members, organisations
from paysettle.identity.personal import Registration
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

    @property
    def path(self) -> str:
        """Its address in the API."""
        return f"/api/v1/organisations/{self.id}"

    def acted_for_by(self, somebody: Person) -> Person:
        """Return somebody as they are when they act for the company: `caller`, handle and wallet are the company's."""
        return replace(somebody, party_id=self.party.id, handle=self.party.handle)

    def join(self, somebody: Person, role: Role) -> Person:
        """Make somebody a member, as an accepted invitation does, and return them acting for the company."""
        by = self.acted_for_by(self.owner).caller
        transactions.run(
            lambda tx: members.add(party=self.party, user_id=somebody.user.id, role=role, by=by, at=tx.read_clock())
        )
        return self.acted_for_by(somebody)

    def member(self, somebody: Person) -> Membership:
        """Return somebody's membership."""
        return Membership.objects.get(party=self.party, user=somebody.user)

    def roles(self) -> dict[str, str]:
        """Return the role of each member by their user name."""
        return dict(Membership.objects.filter(party=self.party).values_list("user__username", "role"))


def new_handle() -> str:
    """Return a handle that nobody has."""
    return f"firm-{os.getpid()}-{secrets.token_hex(4)}"


def company(owner: Person, legal_name: str = "Padaria Central, Lda.") -> Company:
    """Let somebody make a company; its handle is unique."""
    said = Registration(legal_name=legal_name, country="PT", registration_number="PT 501 234")
    made = organisations.create(by=owner.caller, handle=new_handle(), registration=said)
    return Company(made.party, owner)


def send(who: Person, method: str, path: str, body: object = None, **headers: str) -> Reply:
    """Call the API as a person, for the party that they act for at the moment, with a fresh idempotency key."""
    headers = {"Acting-Party": who.party, "Idempotency-Key": secrets.token_hex(12), **headers}
    return InProcess(replace(who, party_id=who.user.own_party_id)).send(method, path, body, **headers)
