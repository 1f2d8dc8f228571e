"""Giving a handle to a new party: to nobody else ever, once that takes part, and none that looks like another's."""

from datetime import datetime

from django.conf import settings

from paysettle.identity import handles
from paysettle.identity.models import Party, PartyKind, PartyState
from paysettle.kernel.errors import DomainError


class HandleInvalid(DomainError):
    """The handle has not the form of one."""

    code = "handle_invalid"
    status = 422
    title = (
        "A handle has 3 to 30 of a-z, 0-9, dot, hyphen and underscore, begins and ends with a letter or digit,"
        " and does not look like an identifier."
    )


class HandleNotAscii(HandleInvalid):
    """The handle has letters of another alphabet, with marks or of another width, which can look like plain ones."""

    code = "handle_not_ascii"
    status = 422
    title = "A handle is written with a-z, 0-9, dot, hyphen and underscore: other letters can look the same."


class HandleReserved(DomainError):
    """The handle would be taken for the operator of this installation."""

    code = "handle_reserved"
    status = 422
    title = "This handle is reserved."


class HandleTaken(DomainError):
    """The handle belongs to another party, and always will once that takes part."""

    code = "handle_taken"
    status = 409
    title = "This handle is taken."


class HandleLookalike(DomainError):
    """The handle is easily taken for that of another party: `0` for `o`, `1` for `l`, `rn` for `m`, a dot or none."""

    code = "handle_lookalike"
    status = 409
    title = "This handle looks like that of another party."


def check_form(handle: str) -> None:
    """Raise HandleNotAscii or HandleInvalid for what cannot be a handle."""
    if not handle.isascii():
        raise HandleNotAscii
    if not handles.is_handle(handle):
        raise HandleInvalid


def check_not_reserved(handle: str) -> None:
    """Raise HandleReserved for a handle that is, or looks like, a word that stands for the operator."""
    if handles.skeleton(handle) in {handles.skeleton(word) for word in settings.ACCOUNT_USERNAME_BLACKLIST}:
        raise HandleReserved


def check_free(handle: str) -> None:
    """Raise HandleTaken or HandleLookalike for a handle that nobody can have any more."""
    # One look for both: between two, somebody else may take it. A handle's own skeleton is among those like it.
    alike = Party.objects.filter(handle_skeleton=handles.skeleton(handle)).values_list("handle", flat=True).first()
    if alike is not None:
        raise HandleTaken if alike == handle else HandleLookalike


def open_party(
    *, kind: PartyKind, handle: str, version: int, at: datetime, state: PartyState = PartyState.ACTIVE
) -> Party:
    """Make a party with a handle of its own, inside the open transaction.

    Raises HandleTaken and HandleLookalike; IntegrityError where somebody else takes such a handle at this moment: then
    `check_free`, asked again, says why.
    """
    check_free(handle)
    skeleton = handles.skeleton(handle)
    return Party.objects.create(
        kind=kind, handle=handle, handle_skeleton=skeleton, state=state, version=version, created_at=at
    )
