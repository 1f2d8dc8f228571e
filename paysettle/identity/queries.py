"""Questions about people and parties."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from paysettle.identity import addresses, personal, timeouts
from paysettle.identity.caller import Caller
from paysettle.identity.handles import HANDLE
from paysettle.identity.models import (
    ApiKey,
    ApprovalPolicy,
    Contact,
    Invitation,
    InvitationState,
    LoginSession,
    MemberLimit,
    Membership,
    Party,
    PartyKind,
    Profile,
    User,
    VerifiedAddress,
)
from paysettle.kernel import identifiers
from paysettle.kernel.errors import NotFound
from paysettle.kernel.identifiers import BadIdentifier


def find_party(reference: str) -> UUID | None:
    """Return the id of the party that a handle or a `par_…` id names, or None."""
    try:
        return _named(reference)
    except LookupError:
        return None


def handles(party_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the handle of each party."""
    return dict(Party.objects.filter(id__in=set(party_ids)).values_list("id", "handle"))


def person(user_id: UUID) -> User:
    """Return a person with their own party; User.DoesNotExist if there is no such person."""
    return User.objects.select_related("own_party").get(id=user_id)


def names(user_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the name by which each person is known: the handle of their own party."""
    return dict(User.objects.filter(id__in=set(user_ids)).values_list("id", "username"))


def has_second_factor(user: User) -> bool:
    """Tell whether a person has a second factor."""
    # By the relation: to import allauth's models is to import its views.
    found: bool = user.authenticator_set.filter(type="totp").exists()  # type: ignore[attr-defined]
    return found


def people_with_verified_address(email: str) -> list[User]:
    """Return the one active person who has verified this address, or nobody."""
    holders = VerifiedAddress.objects.filter(digest=addresses.digest(email), user__is_active=True)
    return [holder.user for holder in holders.select_related("user")]


def has_verified(user: User) -> bool:
    """Tell whether the address of a person is verified as theirs."""
    digest = addresses.digest(personal.email_of(user))
    return VerifiedAddress.objects.filter(digest=digest, user=user).exists()


def profile(party_id: UUID) -> Profile:
    """Return what a person says of themself; without a row nothing was said."""
    return Profile.objects.filter(party_id=party_id).first() or Profile(party_id=party_id)


def contacts_of(party_id: UUID) -> "QuerySet[Contact]":
    """Return the contacts of a party."""
    return Contact.objects.filter(owner_id=party_id).select_related("party")


def contact(*, party_id: UUID, contact_id: UUID) -> Contact:
    """Return one contact of a party; raise NotFound if it is absent or another's."""
    found = contacts_of(party_id).filter(id=contact_id).first()
    if found is None:
        raise NotFound
    return found


def user_id_of_name(name: str) -> UUID | None:
    """Return the id of the person whose user name this is, in whatever case."""
    return User.objects.filter(username=name.strip().lower()).values_list("id", flat=True).first()


def user_id_of_address(email: str) -> UUID | None:
    """Return the id of the person who has verified this address."""
    return VerifiedAddress.objects.filter(digest=addresses.digest(email)).values_list("user_id", flat=True).first()


def person_of_address(email: str) -> User | None:
    """Return the person who has verified this address, active or not, or None."""
    holder = VerifiedAddress.objects.filter(digest=addresses.digest(email)).select_related("user").first()
    return None if holder is None else holder.user


def memberships_of(user_id: UUID) -> list[Membership]:
    """Return the memberships of a person with their parties, the oldest first."""
    return list(Membership.objects.filter(user_id=user_id).select_related("party").order_by("created_at", "id"))


def live_sessions_of(user_id: UUID) -> "QuerySet[LoginSession]":
    """Return the sessions in which a person is signed in."""
    now = datetime.now(UTC)
    seen_since = now - timeouts.limits(staff=User.objects.get(id=user_id).is_staff).idle
    of_person = LoginSession.objects.filter(user_id=user_id, ended_at=None)
    return of_person.filter(expires_at__gt=now, last_seen_at__gt=seen_since)


def organisations_of(user_id: UUID) -> "QuerySet[Membership]":
    """Return the memberships of a person in organisations."""
    of_person = Membership.objects.filter(user_id=user_id, party__kind=PartyKind.ORGANISATION)
    return of_person.select_related("party")


def organisation(caller: Caller) -> Membership:
    """Return the caller's membership in the acting party; raise NotFound if that is no organisation."""
    found = organisations_of(caller.person_id).filter(party_id=caller.party_id).first()
    if found is None:
        raise NotFound
    return found


def members_of(caller: Caller) -> "QuerySet[Membership]":
    """Return the memberships in the acting party; raise NotFound if that is no organisation."""
    return Membership.objects.filter(party=organisation(caller).party).select_related("user")


def member(caller: Caller, member_id: UUID) -> Membership:
    """Return a membership in the acting party; raise NotFound if there is none, or that is no organisation."""
    found = members_of(caller).filter(id=member_id).select_related("party").first()
    if found is None:
        raise NotFound
    return found


def limits_of(member: Membership) -> list[MemberLimit]:
    """Return the limits of a member, by currency."""
    return list(MemberLimit.objects.filter(party_id=member.party_id, user_id=member.user_id).order_by("currency"))


def approval_policy(caller: Caller) -> ApprovalPolicy:
    """Return the policy of the acting party, at version 1 when none was set; NotFound for what is no organisation."""
    party = organisation(caller).party
    found = ApprovalPolicy.objects.filter(party=party).first()
    return found or ApprovalPolicy(party=party, time_zone="UTC", rules="[]", version=1)


def open_invitations_of(caller: Caller) -> "QuerySet[Invitation]":
    """Return the invitations of the acting party that can be accepted; raise NotFound if that is no organisation."""
    found = Invitation.objects.filter(organisation=organisation(caller).party, state=InvitationState.OPEN)
    return found.filter(expires_at__gt=Now(), made_by__is_active=True).select_related("made_by")


def api_keys_of(party_id: UUID) -> "QuerySet[ApiKey]":
    """Return the API keys of a party, those that have ended included."""
    return ApiKey.objects.filter(party_id=party_id).select_related("made_by")


def api_key(*, party_id: UUID, key_id: UUID) -> ApiKey:
    """Return one API key of a party; raise NotFound if it is absent or not the party's."""
    found = api_keys_of(party_id).filter(id=key_id).first()
    if found is None:
        raise NotFound
    return found


@lru_cache(maxsize=100_000)
def _named(reference: str) -> UUID:
    """A party that has taken part is never removed and its handle never given to another: what was found stays true.

    What was not found is not remembered: it is raised as LookupError. Nobody finds a party that is pending.
    """
    value: str | bytes = reference
    try:
        column, value = "id", identifiers.parse("par", reference).bytes
    except BadIdentifier:
        if not HANDLE.fullmatch(reference):
            raise LookupError(reference) from None
        column = "handle"
    with connection.cursor() as cursor:
        sql = f"SELECT id FROM identity_party WHERE {column} = %s AND state <> 'pending'"  # noqa: S608 - two fixed names
        cursor.execute(sql, [value])
        row = cursor.fetchone()
    if row is None:
        raise LookupError(reference)
    return identifiers.from_bytes(row[0])
