"""Who may do what with a settlement, in the order in which it is checked. Plain Python."""

from dataclasses import dataclass
from uuid import UUID

from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.money import Money
from paysettle.settlements.lifecycle import STEPS, Side, State, Verb

REASON_LENGTH_MAX = 280


class DebtorNotFound(DomainError):
    """Nobody has this handle or id."""

    code = "debtor_not_found"
    status = 422
    title = "There is no such debtor."


class SettlementWithOneself(DomainError):
    """Debtor and creditor are the same party."""

    code = "settlement_with_oneself"
    status = 422
    title = "A settlement needs two parties."


class PartyUnavailable(DomainError):
    """The other party has been disabled or closed, or keeps the asker away."""

    code = "party_unavailable"
    status = 422
    title = "The other party cannot take part at the moment."
    stored = True


class OwnRequest(DomainError):
    """Nobody approves or rejects what they asked for themselves. Rule MR11."""

    code = "own_request"
    status = 403
    title = "Nobody approves or rejects their own request."


class AskedByYourself(DomainError):
    """The person who asked for one party does not approve for another. Rule MR11."""

    code = "asked_by_yourself"
    status = 403
    title = "You asked for this settlement yourself, for another party: somebody else must approve it."


class NotYourMove(DomainError):
    """Only the asker can do this."""

    code = "not_your_move"
    status = 403
    title = "Only the party that asked can do this."


class VersionMismatch(DomainError):
    """The settlement has changed since the caller looked at it."""

    code = "version_mismatch"
    status = 412
    title = "The settlement has changed since you looked at it: look again, then decide."


class SettlementNotOpen(DomainError):
    """The settlement was approved, rejected or withdrawn already."""

    code = "settlement_not_open"
    status = 409
    title = "This settlement is no longer open."
    stored = True


@dataclass(frozen=True, slots=True)
class Leg:
    """One debtor owes one creditor one amount."""

    id: UUID
    debtor_id: UUID
    creditor_id: UUID
    money: Money


@dataclass(frozen=True, slots=True)
class Terms:
    """What a settlement says, who asked for it (party and person), and where it stands: all that the rules need."""

    asker_id: UUID
    asked_by: UUID
    legs: tuple[Leg, ...]
    state: State
    version: int

    @property
    def party_ids(self) -> set[UUID]:
        """Everybody who is part of it."""
        return {self.asker_id} | {party for leg in self.legs for party in (leg.debtor_id, leg.creditor_id)}


def check_move(
    terms: Terms, *, party_id: UUID, user_id: UUID | None, what: Verb, expected_version: int | None
) -> State:
    """Return the state that a move leads to, or raise the first reason why it may not be made.

    Raises NotFound for a stranger, OwnRequest or NotYourMove for the wrong side, AskedByYourself for the person who
    asked and would approve, VersionMismatch when the caller saw another version, SettlementNotOpen when it is decided
    already.
    """
    step = STEPS[what]
    if party_id not in terms.party_ids:
        raise NotFound
    if step.by is Side.OTHER and party_id == terms.asker_id:
        raise OwnRequest
    if step.by is Side.ASKER and party_id != terms.asker_id:
        raise NotYourMove
    if what is Verb.APPROVE and user_id == terms.asked_by:
        raise AskedByYourself
    if terms.state is not step.before:
        raise SettlementNotOpen(f"This settlement is {terms.state.value} already.")
    if expected_version is not None and expected_version != terms.version:
        raise VersionMismatch(f"It is at version {terms.version}, you looked at version {expected_version}.")
    return step.after
