"""Who belongs to an organisation, and in which role.

Whatever changes that holds the lock of the organisation's row and asks under it what the caller may do, so of two who
demote each other one is too late. Money reads memberships in its own batch: a change acts on the very next call. Open
invitations fall with their maker's right to make them, API keys with their maker's membership.
"""

from datetime import datetime
from uuid import UUID

from paysettle.identity import roles, standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import Membership, Party, PartyKind, User
from paysettle.identity.operations import live_keys, open_invitations, recording
from paysettle.identity.roles import Permission, Role
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.transactions import Transaction


class LastOwner(DomainError):
    """Without this owner nobody could lead the organisation: an owner who may sign in must remain."""

    code = "last_owner"
    status = 409
    title = "An organisation needs an owner: make somebody else one first."


class HandOverToOneself(DomainError):
    """Ownership is handed to somebody else."""

    code = "hand_over_to_oneself"
    status = 422
    title = "Ownership is handed over to another member."


def change_role(*, by: Caller, member_id: UUID, role: Role) -> Membership:
    """Give a member of the acting party another role and return the membership; the same role changes nothing.

    Raises NotFound, NotPermitted (owners are touched and made by owners alone), LastOwner.
    """

    def work(tx: Transaction) -> Membership:
        enter(by, Permission.MEMBERS_MANAGE)
        member = _member(by.party_id, member_id)
        standing.check(by, roles.needed_to_touch(Role(member.role), role))
        if role != Role.OWNER:
            _keep_an_owner(member)
        _set_role(member, role, by=by, at=tx.read_clock())
        return member

    return transactions.run(work)


def remove(*, by: Caller, member_id: UUID) -> None:
    """End a membership in the acting party. Raises NotFound, NotPermitted (for owners), LastOwner."""

    def work(tx: Transaction) -> None:
        enter(by, Permission.MEMBERS_MANAGE)
        member = _member(by.party_id, member_id)
        standing.check(by, roles.needed_to_touch(Role(member.role)))
        _end(member, by=by, at=tx.read_clock())

    transactions.run(work)


def leave(*, by: Caller) -> None:
    """End one's own membership in the acting party. Raises NotFound for what is no organisation, LastOwner."""

    def work(tx: Transaction) -> None:
        enter(by, None)
        _end(_own(by), by=by, at=tx.read_clock())

    transactions.run(work)


def hand_over(*, by: Caller, member_id: UUID) -> Membership:
    """Make another member an owner and oneself an admin, both or neither; return the membership of the new owner.

    Raises NotFound, NotPermitted, HandOverToOneself.
    """

    def work(tx: Transaction) -> Membership:
        enter(by, Permission.OWNERS_MANAGE)
        member, own = _member(by.party_id, member_id), _own(by)
        if member.id == own.id:
            raise HandOverToOneself
        now = tx.read_clock()
        _set_role(member, Role.OWNER, by=by, at=now)
        _keep_an_owner(own)
        _set_role(own, Role.ADMIN, by=by, at=now)
        return member

    return transactions.run(work)


def enter(by: Caller, needed: Permission | None) -> Party:
    """Lock the organisation acted for, inside the open transaction, and ask under the lock what the caller may do.

    Raises NotFound for what is no organisation, and what `standing.check` raises.
    """
    party = lock(by.party_id)
    standing.check(by, needed)
    return party


def enter_as_oneself(by: Caller) -> Caller:
    """Lock the person who calls, inside the open transaction, and return them acting for themselves.

    Who gets a membership holds this lock: whoever closes their account ends all of theirs under it. Raises what
    `standing.check` raises.
    """
    own = by.acting_for(User.objects.select_for_update().get(id=by.person_id).own_party_id)
    standing.check(own, None)
    return own


def lock(organisation_id: UUID) -> Party:
    """Lock an organisation, inside the open transaction; raise NotFound for what is none."""
    found = Party.objects.select_for_update().filter(id=organisation_id, kind=PartyKind.ORGANISATION).first()
    if found is None:
        raise NotFound
    return found


def add(*, party: Party, user_id: UUID, role: Role, by: Caller, at: datetime) -> Membership:
    """Let a person act for an organisation, inside the open transaction and after `enter_as_oneself`."""
    member = Membership.objects.create(user_id=user_id, party=party, role=role, created_at=at)
    _record(member, "added", by=by, at=at)
    return member


def all_of(party_id: UUID) -> list[Membership]:
    """Return the memberships in an organisation."""
    return list(Membership.objects.filter(party_id=party_id).select_related("user", "party").order_by("id"))


def lock_all_of(user_id: UUID) -> list[Membership]:
    """Lock the organisations of a person in id order, inside the open transaction, and return the memberships."""
    of_person = Membership.objects.filter(user_id=user_id, party__kind=PartyKind.ORGANISATION)
    ids = list(of_person.values_list("party_id", flat=True))
    locked = list(Party.objects.select_for_update().filter(id__in=ids).order_by("id").values_list("id", flat=True))
    return list(of_person.filter(party_id__in=locked).select_related("user", "party").order_by("id"))


def is_last_owner(member: Membership) -> bool:
    """Tell whether nobody else who may sign in owns the organisation."""
    if member.role != Role.OWNER:
        return False
    others = Membership.objects.filter(party_id=member.party_id, role=Role.OWNER, user__is_active=True)
    return not others.exclude(id=member.id).exists()


def end(member: Membership, *, by: Caller, at: datetime) -> None:
    """End a membership, under the organisation's lock, whoever is left."""
    Membership.objects.filter(id=member.id).delete()
    member.version += 1
    _record(member, "removed", by=by, at=at)
    open_invitations.fall(organisation_id=member.party_id, made_by=member.user_id, role=None, by=by, at=at)
    live_keys.fall_with_member(party_id=member.party_id, user_id=member.user_id, by=by, at=at)


def _member(party_id: UUID, member_id: UUID) -> Membership:
    found = Membership.objects.filter(id=member_id, party_id=party_id).select_related("user", "party").first()
    if found is None:
        raise NotFound
    return found


def _own(by: Caller) -> Membership:
    return Membership.objects.select_related("user", "party").get(user_id=by.user_id, party_id=by.party_id)


def _keep_an_owner(member: Membership) -> None:
    """Raise LastOwner if the organisation has no other owner who may sign in."""
    if is_last_owner(member):
        raise LastOwner


def _set_role(member: Membership, role: Role, *, by: Caller, at: datetime) -> None:
    before = Role(member.role)
    if role == before:
        return
    member.role, member.version = role.value, member.version + 1
    Membership.objects.filter(id=member.id).update(role=member.role, version=member.version)
    _record(member, "role_changed", by=by, at=at, role_before=before)
    open_invitations.fall(organisation_id=member.party_id, made_by=member.user_id, role=role, by=by, at=at)


def _end(member: Membership, *, by: Caller, at: datetime) -> None:
    _keep_an_owner(member)
    end(member, by=by, at=at)


def _record(member: Membership, what: str, *, by: Caller, at: datetime, **further: str) -> None:
    recording.event(
        stream=identifiers.show("mem", member.id),
        version=member.version,
        type_=f"membership.{what}",
        actor=by.actor,
        party=by.party,
        at=at,
        data={
            "organisation": identifiers.show("par", member.party_id),
            "user": identifiers.show("usr", member.user_id),
            "role": Role(member.role).value,
            **further,
        },
    )
