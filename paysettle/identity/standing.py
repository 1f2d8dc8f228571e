"""May these callers act right now? Read inside the transaction of a batch, after its locks.

A token lives for minutes; a person is disabled, a session ended, at once. Money calls therefore ask the database and
not the token.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection

from paysettle.identity import roles, step_up, timeouts
from paysettle.identity.caller import Caller
from paysettle.identity.roles import Permission, Role
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction, parse_time


class SessionEnded(DomainError):
    """The session of the token has ended, or the person may no longer sign in."""

    code = "session_ended"
    status = 401
    title = "This session has ended: sign in again."


class SecondFactorRequired(DomainError):
    """The caller is staff, and the session has not shown a second factor."""

    code = "second_factor_required"
    status = 403
    title = "Staff need a second factor: set one up, or sign in again with it."


class NotYourParty(DomainError):
    """The caller may not act for the party named in the acting-party header."""

    code = "not_your_party"
    status = 403
    title = "You may not act for this party."


class PartyDisabled(DomainError):
    """The party acted for has been disabled."""

    code = "party_disabled"
    status = 403
    title = "This party has been disabled."


class NotPermitted(DomainError):
    """The caller acts for this party, in a role that does not allow this; `permission` names what is missing."""

    code = "not_permitted"
    status = 403
    title = "Your role in this party does not allow this."

    def __init__(self, permission: Permission) -> None:
        super().__init__(f"{self.title} It needs the permission {permission}.", permission=permission.value)


_FACTOR_MISSING = "u.is_staff AND s.second_factor_at IS NULL"
_LIVE_SESSIONS = (
    f"SELECT s.id, s.user_id, s.authenticated_at, {_FACTOR_MISSING}"  # noqa: S608 - our own words alone
    " FROM identity_login_session s JOIN identity_user u ON u.id = s.user_id"
    f" WHERE {timeouts.LIVE} AND s.id IN ({{values}})"
)
_ACTIVE_USERS = "SELECT id FROM identity_user WHERE is_active AND id IN ({values})"
_MEMBERSHIPS = "SELECT user_id, party_id, role FROM identity_membership WHERE user_id IN ({values})"
_PARTIES = "SELECT id, handle, state FROM identity_party WHERE id IN ({values})"


@dataclass(frozen=True, slots=True)
class PartyView:
    """What a batch needs to know of a party."""

    id: UUID
    handle: str
    active: bool


def check(caller: Caller, needed: Permission | None, *, fresh: bool = False) -> None:
    """Raise SessionEnded, SecondFactorRequired, NotYourParty, PartyDisabled or NotPermitted if this may not be now.

    One short read, for everything that does not go through a batch; a batch asks Standing, by the same rules. With
    None every role will do. With `fresh` raise StepUpRequired, too, where the session has not shown recently who is
    there.
    """
    if caller.user_id is None or caller.session_id is None:
        return  # an operator at the command line
    now = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.state, m.role, s.authenticated_at, {_FACTOR_MISSING}"  # noqa: S608 - our own words alone
            " FROM identity_login_session s JOIN identity_user u ON u.id = s.user_id"
            " LEFT JOIN identity_membership m ON m.user_id = u.id AND m.party_id = %s"
            " LEFT JOIN identity_party p ON p.id = m.party_id"
            f" WHERE s.id = %s AND s.user_id = %s AND {timeouts.LIVE}",
            [caller.party_id.bytes, caller.session_id.bytes, caller.user_id.bytes, *timeouts.live_at(now)],
        )
        row = cursor.fetchone()
    state, role, authenticated_at, factor_missing = row or (None, None, None, False)
    _judge(
        session_is_live=row is not None,
        factor_missing=bool(factor_missing),
        role=None if role is None else Role(role),
        party_is_active=state == "active",
        needed=needed,
    )
    if fresh:
        step_up.check(parse_time(authenticated_at), now)


def _judge(
    *, session_is_live: bool, factor_missing: bool, role: Role | None, party_is_active: bool, needed: Permission | None
) -> None:
    """Hold the rules, in the order in which they are named to the caller; without a role one is no member."""
    if not session_is_live:
        raise SessionEnded
    if factor_missing:
        raise SecondFactorRequired
    if role is None:
        raise NotYourParty
    if not party_is_active:
        raise PartyDisabled
    if needed is not None and not roles.allows(role, needed):
        raise NotPermitted(needed)


class Standing:
    """The sessions, memberships and parties of one batch, as they are now."""

    def __init__(self, tx: Transaction, callers: Iterable[Caller], party_ids: Iterable[UUID]) -> None:
        """Ask for everything, with one statement a table, however many callers there are."""
        callers = list(callers)
        sessions = {c.session_id.bytes for c in callers if c.session_id is not None}
        users = {c.user_id.bytes for c in callers if c.user_id is not None}
        deferred = {c.user_id.bytes for c in callers if c.user_id is not None and c.session_id is None}
        parties = {c.party_id.bytes for c in callers} | {party_id.bytes for party_id in party_ids}
        self._session_rows = tx.ask(_LIVE_SESSIONS, sessions, timeouts.live_at(datetime.now(UTC)))
        self._user_rows = tx.ask(_ACTIVE_USERS, deferred)
        self._membership_rows = tx.ask(_MEMBERSHIPS, users)
        self._party_rows = tx.ask(_PARTIES, parties)

    @cached_property
    def _live_sessions(self) -> dict[tuple[bytes, bytes], tuple[Any, bool]]:
        """When each session last showed who is there (as the database says it), and whether it lacks a factor."""
        return {
            (bytes(session), bytes(user)): (authenticated_at, bool(factor_missing))
            for session, user, authenticated_at, factor_missing in self._session_rows.rows
        }

    @cached_property
    def _active_users(self) -> set[bytes]:
        return {bytes(user) for (user,) in self._user_rows.rows}

    @cached_property
    def _roles(self) -> dict[tuple[bytes, bytes], Role]:
        return {(bytes(user), bytes(party)): Role(role) for user, party, role in self._membership_rows.rows}

    @cached_property
    def _parties(self) -> dict[bytes, PartyView]:
        return {
            bytes(id_): PartyView(UUID(bytes=bytes(id_)), handle, state == "active")
            for id_, handle, state in self._party_rows.rows
        }

    def admit(self, caller: Caller, needed: Permission) -> None:
        """Raise what `check` raises if this caller may not do this now."""
        if caller.user_id is None:
            return  # an operator at the command line
        user = caller.user_id.bytes
        party = self._parties.get(caller.party_id.bytes)
        factor_missing = False
        if caller.session_id is None:  # work that was accepted in a session and outlives it
            may_act = user in self._active_users
        else:
            session = self._live_sessions.get((caller.session_id.bytes, user))
            may_act = session is not None
            factor_missing = session is not None and session[1]
        _judge(
            session_is_live=may_act,
            factor_missing=factor_missing,
            role=self._roles.get((user, caller.party_id.bytes)),
            party_is_active=party is not None and party.active,
            needed=needed,
        )

    def check_fresh(self, caller: Caller, now: datetime) -> None:
        """Raise StepUpRequired if the session of an admitted caller has not shown recently who is there.

        Work that outlives its session was asked about this when it was accepted.
        """
        if caller.user_id is not None and caller.session_id is not None:
            authenticated_at, _ = self._live_sessions[caller.session_id.bytes, caller.user_id.bytes]
            step_up.check(parse_time(authenticated_at), now)

    def party(self, party_id: UUID) -> PartyView:
        """Return one of the parties that were read; KeyError if it does not exist."""
        return self._parties[party_id.bytes]
