"""Who calls: each kind of caller of the access table, as the headers that they send.

A new kind of caller is a row in `docs/access.toml` and a function here.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from paysettle.identity import roles, tokens
from paysettle.identity.caller import Caller
from paysettle.identity.operations import members, parties, people, refresh_tokens, sessions, staff
from paysettle.identity.roles import Permission, Role, StaffRole
from paysettle.kernel.identifiers import SYSTEM
from tests.codes import give_second_factor
from tests.companies import company
from tests.machines import bearer, new_key
from tests.people import Person, deposit, person
from tests.permissions.requests import World
from tests.server import token

OPERATOR = Caller(party_id=SYSTEM, operator="tests")
LONG_AGO = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody who calls. Others reach for what is in `ours`: erin, and eva, whose world is `theirs`.

    `alone` is the world of a person who acts for themself.
    """

    ours: World
    theirs: World
    alone: World
    members: Mapping[Role, Person]
    erin: Person
    disabled: Person
    removed: Person
    staff: Mapping[StaffRole, Person]
    keys: dict[tuple[UUID, Permission], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Sender:
    """The headers that somebody sends, whose world they belong to, and what is so while they send."""

    headers: dict[str, str]
    meanwhile: Callable[[], AbstractContextManager[Any]] = nullcontext


def cast(*, funded: bool = True) -> Cast:
    """Bring everybody together, with money or without."""
    ben = person("ben")
    ours, theirs, sol = _firm(person("olga"), ben), _firm(person("eva"), ben), person("sol")
    alone = replace(_firm(sol, ben), owner=sol, sender=sol)
    firm = ours.company
    disabled, removed = person("dora"), person("rita")
    for former in (disabled, removed):
        firm.join(former, Role.OWNER)
    people.disable(by=OPERATOR, user_id=disabled.user.id, reason="a test")
    members.remove(by=ours.owner.caller, member_id=firm.member(removed).id)
    erin = person("erin")
    for somebody in (ben, ours.owner, theirs.owner, sol, erin) if funded else ():
        deposit(somebody, 1_000_000)
    return Cast(
        ours=ours,
        theirs=theirs,
        alone=alone,
        members={Role.OWNER: ours.owner}
        | {role: firm.join(person(role.value), role) for role in Role if role != Role.OWNER},
        erin=erin,
        disabled=firm.acted_for_by(disabled),
        removed=firm.acted_for_by(removed),
        staff={role: firm.acted_for_by(staff_member(role)) for role in StaffRole},
        keys={},
    )


def staff_member(role: StaffRole) -> Person:
    """Make a member of staff, with a second factor that their session has shown."""
    made = person(f"staff-{role.value[:8].strip('_')}")
    staff.appoint(by=OPERATOR, user_id=made.user.id, role=role, reason="a test")
    give_second_factor(made.user)
    sessions.renew(session_id=made.session.id, second_factor=True)
    made.user.refresh_from_db()
    return made


def _firm(founder: Person, ben: Person) -> World:
    canary = _canary()
    firm = company(founder, f"Padaria {canary}")
    firm.join(person("oscar"), Role.OWNER)  # so that nobody is the last owner
    owner = firm.acted_for_by(founder)
    return World(firm, owner, ben, owner, canary)


def _canary() -> str:
    return f"canary-{secrets.token_hex(8)}"


def signed_in(somebody: Person) -> dict[str, str]:
    """Return the headers of somebody who acts for the party that they act for at the moment."""
    own = replace(somebody, party_id=somebody.user.own_party_id)
    acting = {} if somebody.party_id == own.party_id else {"Acting-Party": somebody.party}
    return {"Authorization": f"Bearer {token(own)}", **acting}


def _with(bearer: str, somebody: Person) -> Sender:
    return Sender({"Authorization": f"Bearer {bearer}", "Acting-Party": somebody.party})


def _expired(everybody: Cast) -> Sender:
    owner = everybody.ours.owner
    return _with(
        tokens.issue_access_token(owner.session, owner.user, datetime.now(UTC) - LONG_AGO),
        owner,
    )


def _refresh(everybody: Cast) -> Sender:
    return _with(refresh_tokens.issue(everybody.ours.owner.session).refresh_token, everybody.ours.owner)


def _ended(everybody: Cast) -> Sender:
    owner = everybody.ours.owner
    session = sessions.begin(owner.user, secrets.token_hex(16))
    sessions.end(by=owner.caller, session_id=session.id)
    return Sender(signed_in(replace(owner, session=session)))


@contextmanager
def disabled(party_id: UUID) -> Iterator[None]:
    """Let staff have disabled a party for the length of a block."""
    parties.disable(by=OPERATOR, party_id=party_id, reason="a test")
    try:
        yield
    finally:
        parties.enable(by=OPERATOR, party_id=party_id, reason="a test")


def _while_disabled(everybody: Cast) -> Sender:
    ours = everybody.ours
    return Sender(signed_in(ours.owner), partial(disabled, ours.company.party.id))


OTHERS: dict[str, Callable[[Cast], Sender]] = {
    "anonymous": lambda _: Sender({}),
    "expired_token": _expired,
    "refresh_token": _refresh,
    "ended_session": _ended,
    "disabled_person": lambda everybody: Sender(signed_in(everybody.disabled)),
    "removed_member": lambda everybody: Sender(signed_in(everybody.removed)),
    "disabled_party": _while_disabled,
    "other_person": lambda everybody: Sender(signed_in(everybody.erin)),
    "other_organisation": lambda everybody: Sender(signed_in(everybody.theirs.owner)),
    "intruder": lambda everybody: Sender(signed_in(everybody.ours.company.acted_for_by(everybody.erin))),
}
OTHERS |= {
    f"staff_{role}": lambda everybody, role=role: Sender(signed_in(everybody.staff[role]))  # type: ignore[misc]
    for role in StaffRole
}
"""Those who have no right to what is asked for: they send the request of its rightful owner."""


KEYS = {"key_with_scope", "key_without_scope"}


def headers_of(everybody: Cast, caller: str, world: World, needed: str | None) -> dict[str, str]:
    """Return the headers of a caller who asks for their own: those of the sender, or of a key with one scope."""
    if caller not in KEYS:
        return signed_in(world.sender)
    scope = Permission(needed) if needed in roles.FOR_KEYS else Permission.PAY
    if caller == "key_without_scope":
        scope = Permission.PAYMENT_READ if scope == Permission.PAY else Permission.PAY
    return by_key(everybody, everybody.ours, scope)


def by_key(everybody: Cast, world: World, scope: Permission) -> dict[str, str]:
    """Return the header of a key with one scope that a company's owner has made."""
    known = (world.owner.party_id, scope)
    if known not in everybody.keys:
        everybody.keys[known] = bearer(new_key(world.owner, {scope}))
    return everybody.keys[known]


def rightful(everybody: Cast, caller: str) -> World | None:
    """Return the world of a caller who asks for their own: a member, or a person for themself. None for the others."""
    if caller in KEYS:
        return everybody.ours
    if caller == "self":
        return everybody.alone
    if caller in set(Role):
        return replace(everybody.ours, sender=everybody.members[Role(caller)])
    return None
