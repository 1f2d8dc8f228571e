"""May these callers act right now? Read inside the transaction of a batch, after its locks.

A token lives for minutes; a person is disabled, a session ended, at once. Money calls therefore ask the database and
not the token.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.db import connection

from paysettle.identity import roles
from paysettle.identity.caller import Caller
from paysettle.identity.models import PartyState
from paysettle.identity.roles import Permission, Role
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction


class SessionEnded(DomainError):
    """The session of the token has ended, or the person may no longer sign in."""

    code = "session_ended"
    status = 401
    title = "This session has ended: sign in again."


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


class PartyClosed(DomainError):
    """The account was closed by whoever it belonged to, and stays so."""

    code = "party_closed"
    status = 409
    title = "This account has been closed for good."


class NotPermitted(DomainError):
    """The caller acts for this party, in a role that does not allow this; `permission` names what is missing."""

    code = "not_permitted"
    status = 403
    title = "Your role in this party does not allow this."

    def __init__(self, permission: Permission) -> None:
        super().__init__(f"{self.title} It needs the permission {permission}.", permission=permission.value)


_LIVE_SESSIONS = (
    "SELECT s.id, s.user_id FROM identity_login_session s JOIN identity_user u ON u.id = s.user_id"
    " WHERE s.ended_at IS NULL AND u.is_active AND s.id IN ({values})"
)
_ACTIVE_USERS = "SELECT id FROM identity_user WHERE is_active AND id IN ({values})"
_MEMBERSHIPS = "SELECT user_id, party_id, role FROM identity_membership WHERE user_id IN ({values})"
_HELD = "SELECT id FROM identity_party WHERE id IN ({values}) ORDER BY id LOCK IN SHARE MODE"
_PARTIES = "SELECT id, handle, state FROM identity_party WHERE id IN ({values})"


@dataclass(frozen=True, slots=True)
class PartyView:
    """What a batch needs to know of a party."""

    id: UUID
    handle: str
    state: PartyState

    @property
    def active(self) -> bool:
        """Whether it takes part."""
        return self.state == PartyState.ACTIVE

    @property
    def closed(self) -> bool:
        """Whether it has been closed for good."""
        return self.state == PartyState.CLOSED


def hold(tx: Transaction, party_ids: Iterable[UUID]) -> None:
    """Let nobody change these parties until the open transaction has ended; several may hold them at once."""
    if tx.mysql:  # SQLite lets one transaction in at a time
        tx.fetch_in(_HELD, {party_id.bytes for party_id in party_ids})


def check(caller: Caller, needed: Permission | None) -> None:
    """Raise SessionEnded, NotYourParty, PartyDisabled or NotPermitted if this caller may not do this now.

    One short read, for everything that does not go through a batch; a batch asks Standing, by the same rules. With
    None every role will do.
    """
    if caller.user_id is None or caller.session_id is None:
        return  # an operator at the command line
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.state, m.role FROM identity_login_session s JOIN identity_user u ON u.id = s.user_id"
            " LEFT JOIN identity_membership m ON m.user_id = u.id AND m.party_id = %s"
            " LEFT JOIN identity_party p ON p.id = m.party_id"
            " WHERE s.id = %s AND s.user_id = %s AND s.ended_at IS NULL AND u.is_active",
            [caller.party_id.bytes, caller.session_id.bytes, caller.user_id.bytes],
        )
        row = cursor.fetchone()
    state, role = row or (None, None)
    _judge(
        session_is_live=row is not None,
        role=None if role is None else Role(role),
        party_is_active=state == "active",
        needed=needed,
    )


def _judge(*, session_is_live: bool, role: Role | None, party_is_active: bool, needed: Permission | None) -> None:
    """Hold the rules, in the order in which they are named to the caller; without a role one is no member."""
    if not session_is_live:
        raise SessionEnded
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
        self._session_rows = tx.ask(_LIVE_SESSIONS, sessions)
        self._user_rows = tx.ask(_ACTIVE_USERS, deferred)
        self._membership_rows = tx.ask(_MEMBERSHIPS, users)
        self._party_rows = tx.ask(_PARTIES, parties)

    @cached_property
    def _live_sessions(self) -> set[tuple[bytes, bytes]]:
        return {(bytes(session), bytes(user)) for session, user in self._session_rows.rows}

    @cached_property
    def _active_users(self) -> set[bytes]:
        return {bytes(user) for (user,) in self._user_rows.rows}

    @cached_property
    def _roles(self) -> dict[tuple[bytes, bytes], Role]:
        return {(bytes(user), bytes(party)): Role(role) for user, party, role in self._membership_rows.rows}

    @cached_property
    def _parties(self) -> dict[bytes, PartyView]:
        return {
            bytes(id_): PartyView(UUID(bytes=bytes(id_)), handle, PartyState(state))
            for id_, handle, state in self._party_rows.rows
        }

    def admit(self, caller: Caller, needed: Permission) -> None:
        """Raise SessionEnded, NotYourParty, PartyDisabled or NotPermitted if this caller may not do this now."""
        if caller.user_id is None:
            return  # an operator at the command line
        user = caller.user_id.bytes
        party = self._parties.get(caller.party_id.bytes)
        if caller.session_id is None:  # work that was accepted in a session and outlives it
            may_act = user in self._active_users
        else:
            may_act = (caller.session_id.bytes, user) in self._live_sessions
        _judge(
            session_is_live=may_act,
            role=self._roles.get((user, caller.party_id.bytes)),
            party_is_active=party is not None and party.active,
            needed=needed,
        )

    def party(self, party_id: UUID) -> PartyView:
        """Return one of the parties that were read; KeyError if it does not exist."""
        return self._parties[party_id.bytes]
