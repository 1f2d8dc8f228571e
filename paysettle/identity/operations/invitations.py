"""Inviting people by e-mail to act for an organisation: single use, expiring, bound to the address.

The token is opaque and goes to the address alone; we keep its digest. Who accepts must bring it and have verified that
address, so neither a mail that was passed on nor a mailbox without an account here is enough. Whether an address
belongs to somebody makes no difference to the answer, nor to what is done.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from paysettle.identity import addresses, invitation_mail, roles, standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import Invitation, InvitationState, Membership, Party, PartyState, VerifiedAddress
from paysettle.identity.operations import members, open_invitations
from paysettle.identity.roles import Permission, Role
from paysettle.kernel import transactions
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.transactions import Transaction

LIFE = timedelta(days=7)

A_DAY = timedelta(days=1)
MADE_IN_A_DAY_MAX = 100
"""How many invitations an organisation sends in a day: each is a mail to somebody who has not asked for it."""

_RANDOM_BYTES = 32

_log = structlog.get_logger(__name__)


class TooManyInvitations(DomainError):
    """The organisation has sent as many invitations as it may in a day."""

    code = "too_many_invitations"
    status = 429
    title = f"An organisation sends at most {MADE_IN_A_DAY_MAX} invitations in a day."
    retryable = True


class InvitationNotSent(DomainError):
    """The mail server did not take the invitation, which was taken back."""

    code = "invitation_not_sent"
    status = 503
    title = "The invitation could not be sent and was taken back: try again later."
    retryable = True


class InvitationUnknown(DomainError):
    """No invitation has this token."""

    code = "invitation_unknown"
    status = 404
    title = "There is no such invitation."


class InvitationForAnother(DomainError):
    """The caller has not verified the address that was invited; what became of the invitation is not told to them."""

    code = "invitation_for_another"
    status = 403
    title = "This invitation was sent to another address than the one you have verified."


class InvitationUsed(DomainError):
    """The invitation has been accepted: it is good for once."""

    code = "invitation_used"
    status = 409
    title = "This invitation has been accepted already."


class InvitationRevoked(DomainError):
    """The invitation was taken back."""

    code = "invitation_revoked"
    status = 409
    title = "This invitation was taken back: ask for a new one."


class InvitationExpired(DomainError):
    """The invitation was not accepted in time."""

    code = "invitation_expired"
    status = 409
    title = "This invitation has expired: ask for a new one."


class AlreadyMember(DomainError):
    """The caller belongs to the organisation; the invitation stays as it is."""

    code = "already_member"
    status = 409
    title = "You belong to this organisation already."


def make(*, by: Caller, email: str, role: Role) -> Invitation:
    """Invite whoever has verified this address to the acting party, by a mail with the token.

    An open invitation of the same address is replaced. Raises NotPermitted (owners are made by owners alone), NotFound
    for what is no organisation, TooManyInvitations, InvitationNotSent.
    """
    token = secrets.token_urlsafe(_RANDOM_BYTES)

    def work(tx: Transaction) -> Invitation:
        organisation = members.enter(by, roles.needed_to_touch(role))
        now = tx.read_clock()
        _check_pace(organisation, now)
        address_digest = addresses.digest(email)
        for earlier in open_invitations.of(organisation.id).filter(address_digest=address_digest):
            open_invitations.end(earlier, InvitationState.REVOKED, by=by, at=now)
        made = Invitation.objects.create(
            organisation=organisation,
            token_digest=digest(token),
            address_digest=address_digest,
            role=role.value,
            made_by_id=by.person_id,
            created_at=now,
            expires_at=now + LIFE,
        )
        open_invitations.record(made, "made", by=by, at=now)
        return Invitation.objects.select_related("made_by", "organisation").get(id=made.id)

    made = transactions.run(work)
    _send(made, email=email, token=token, by=by)
    return made


def revoke(*, by: Caller, invitation_id: UUID) -> Invitation:
    """Take an open invitation of the acting party back and return it; one that has ended stays as it is.

    Raises NotPermitted (for one that makes an owner), NotFound.
    """

    def work(tx: Transaction) -> Invitation:
        members.enter(by, Permission.MEMBERS_MANAGE)
        of_party = Invitation.objects.filter(id=invitation_id, organisation_id=by.party_id)
        found = of_party.select_related("made_by", "organisation").first()
        if found is None:
            raise NotFound
        standing.check(by, roles.needed_to_touch(Role(found.role)))
        if found.state == InvitationState.OPEN:
            open_invitations.end(found, InvitationState.REVOKED, by=by, at=tx.read_clock())
        return found

    return transactions.run(work)


def accept(*, by: Caller, token: str) -> Membership:
    """Join the organisation that a token is for and return the membership; one accepts as oneself, for nobody else.

    Raises SessionEnded, InvitationUnknown, InvitationForAnother, InvitationUsed, InvitationRevoked,
    InvitationExpired, PartyDisabled, AlreadyMember.
    """
    token_digest = digest(token)

    def work(tx: Transaction) -> Membership:
        own = members.enter_as_oneself(by)
        found = Invitation.objects.filter(token_digest=token_digest).first()
        if found is None:
            raise InvitationUnknown
        organisation = members.lock(found.organisation_id)
        invitation = Invitation.objects.select_related("made_by").get(id=found.id)  # as it is under the lock
        now = tx.read_clock()
        _check_addressee(invitation, by.person_id)
        _check_open(invitation, now)
        if organisation.state != PartyState.ACTIVE:
            raise standing.PartyDisabled
        if Membership.objects.filter(party=organisation, user_id=by.person_id).exists():
            raise AlreadyMember
        open_invitations.end(invitation, InvitationState.ACCEPTED, by=own, at=now)
        return members.add(party=organisation, user_id=by.person_id, role=Role(invitation.role), by=own, at=now)

    return transactions.run(work)


def revoke_all_open(*, by: Caller) -> int:
    """Take back every open invitation, after a change of SECRET_KEY: their addresses cannot be told any more.

    Return how many there were.
    """

    def work(tx: Transaction) -> int:
        now = tx.read_clock()
        waiting = list(Invitation.objects.filter(state=InvitationState.OPEN).order_by("id").select_for_update())
        for invitation in waiting:
            open_invitations.end(invitation, InvitationState.REVOKED, by=by, at=now)
        return len(waiting)

    return transactions.run(work)


def digest(token: str) -> bytes:
    """Return the digest of a token that is stored."""
    return hashlib.sha256(token.encode()).digest()


def _check_pace(organisation: Party, now: datetime) -> None:
    """Raise TooManyInvitations if the organisation has made as many as it may within a day."""
    made = Invitation.objects.filter(organisation=organisation, created_at__gt=now - A_DAY).order_by("-created_at")
    oldest = list(made.values_list("created_at", flat=True)[MADE_IN_A_DAY_MAX - 1 : MADE_IN_A_DAY_MAX])
    if oldest:
        raise TooManyInvitations(retry_after_s=int((oldest[0] + A_DAY - now).total_seconds()) + 1)


def _check_addressee(invitation: Invitation, user_id: UUID) -> None:
    if not VerifiedAddress.objects.filter(digest=bytes(invitation.address_digest), user_id=user_id).exists():
        raise InvitationForAnother


def _check_open(invitation: Invitation, now: datetime) -> None:
    if invitation.state == InvitationState.ACCEPTED:
        raise InvitationUsed
    # Whoever took over an account that staff then disabled must not come back by what they have invited.
    if invitation.state == InvitationState.REVOKED or not invitation.made_by.is_active:
        raise InvitationRevoked
    if invitation.expires_at <= now:
        raise InvitationExpired


def _send(invitation: Invitation, *, email: str, token: str, by: Caller) -> None:
    """Send the token; if the mail server does not take it, take the invitation back and raise InvitationNotSent."""
    try:
        invitation_mail.send(invitation, to=email, token=token, life=LIFE)
    except Exception as error:
        # By its class alone: the text may name the address.
        _log.warning("invitation_not_sent", invitation=str(invitation.id), error=type(error).__name__)
        revoke(by=by, invitation_id=invitation.id)
        raise InvitationNotSent from None
