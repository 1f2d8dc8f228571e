"""Closing an account for good: a person's own, or an organisation's. Books and handle stay as they are.

Refused, with all reasons at once, while money, holds or anything that is open remains. Locks: the party's row, the
person's, those of the person's organisations in id order, then (in the parts of the slices above,
`identity/closing.py`) the wallets. A payment to the party locks its wallet before it reads the party's state, and a
wallet is opened under a shared lock of the party's row: so either the payment comes first and its money is a reason to
refuse, or the closing does and the payment finds nobody to pay.
"""

from datetime import datetime
from uuid import UUID

from paysettle.identity import closing, queries, standing
from paysettle.identity.caller import Caller
from paysettle.identity.closing import Hindrance
from paysettle.identity.models import InvitationState, LoginSession, Membership, Party, PartyState, SessionEnd, User
from paysettle.identity.operations import live_keys, members, open_invitations, recording, sessions
from paysettle.identity.roles import Permission
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction


class AccountNotClosable(DomainError):
    """Something is still open; `reasons` names all of it."""

    code = "account_not_closable"
    status = 409
    title = "This account cannot be closed yet."

    def __init__(self, hindrances: list[Hindrance]) -> None:
        sentences = " ".join(hindrance.message for hindrance in hindrances)
        super().__init__(f"{self.title} {sentences}", reasons=[hindrance.document() for hindrance in hindrances])


def close_own(*, by: Caller) -> Party:
    """Close the account of the person who calls and return their party; they are signed out everywhere at once.

    They leave the organisations they belong to. Raises AccountNotClosable, PartyDisabled.
    """
    own = by.acting_for(queries.person(by.person_id).own_party_id)

    def work(tx: Transaction) -> Party:
        party = Party.objects.select_for_update().get(id=own.party_id)
        user = User.objects.select_for_update().get(id=own.person_id)
        standing.check(own, None)
        left = members.lock_all_of(user.id)
        _check(tx, party, [*_of_staff(user), *_sole_owner(left)])
        now = tx.read_clock()
        for membership in left:
            members.end(membership, by=own, at=now)
        _close(tx, party, by=own, at=now, told=[party.id])
        _end_access(user, by=own, at=now)
        return party

    return transactions.run(work)


def close_organisation(*, by: Caller) -> Party:
    """Close the acting organisation and return it; nobody acts for it any more, and its invitations are taken back.

    Raises NotFound for what is no organisation, NotPermitted (owners alone), AccountNotClosable.
    """

    def work(tx: Transaction) -> Party:
        party = members.enter(by, Permission.OWNERS_MANAGE)
        _check(tx, party, [])
        now = tx.read_clock()
        for invitation in open_invitations.of(party.id):
            open_invitations.end(invitation, InvitationState.REVOKED, by=by, at=now)
        everybody = members.all_of(party.id)
        for membership in everybody:
            members.end(membership, by=by, at=now)
        _close(tx, party, by=by, at=now, told=[member.user.own_party_id for member in everybody])
        return party

    return transactions.run(work)


def _check(tx: Transaction, party: Party, own: list[Hindrance]) -> None:
    """Raise AccountNotClosable with every reason, those of the slices first."""
    found = [hindrance for part in closing.registered() for hindrance in part.hindrances(tx, party.id)]
    if found or own:
        raise AccountNotClosable([*found, *own])


def _of_staff(user: User) -> list[Hindrance]:
    message = "You belong to the staff: another administrator must take that from you."
    return [Hindrance("staff", message, 1)] if user.is_staff else []


def _sole_owner(memberships: list[Membership]) -> list[Hindrance]:
    alone = [membership for membership in memberships if members.is_last_owner(membership)]
    message = "You are the last owner of an organisation: hand it over or close it first."
    return [Hindrance("sole_owner", message, len(alone))] if alone else []


def _close(tx: Transaction, party: Party, *, by: Caller, at: datetime, told: list[UUID]) -> None:
    for part in closing.registered():
        part.end(tx, party.id, by, at)
    party.state, party.version = PartyState.CLOSED, party.version + 1
    Party.objects.filter(id=party.id).update(state=party.state, version=party.version)
    recording.event(
        stream=identifiers.show("par", party.id),
        version=party.version,
        type_="party.closed",
        actor=by.actor,
        party=by.party,
        at=at,
        data={"kind": party.kind, "told": [{"party": identifiers.show("par", party_id)} for party_id in told]},
    )


def _end_access(user: User, *, by: Caller, at: datetime) -> None:
    """End everything by which the person could act: whatever else lets somebody in ends here too."""
    User.objects.filter(id=user.id).update(is_active=False, version=user.version + 1)
    sessions.end_live(LoginSession.objects.filter(user=user), reason=SessionEnd.ACCOUNT_CLOSED, by=by, at=at)
    live_keys.fall_with_person(user_id=user.id, by=by, at=at)
    recording.event(
        stream=identifiers.show("usr", user.id),
        version=user.version + 1,
        type_="person.left",
        actor=by.actor,
        party=by.party,
        at=at,
    )
