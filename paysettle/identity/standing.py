"""May these callers act right now? Read inside the transaction of a batch, after its locks.

A token lives for minutes; a person is disabled, a session ended, an API key revoked, at once. Money calls therefore ask
the database and not the token. An API key may do what is among its scopes and its maker's role still allows.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from paysettle.identity import roles, step_up, timeouts
from paysettle.identity.caller import Caller
from paysettle.identity.models import PartyState
from paysettle.identity.roles import Permission, Role
from paysettle.kernel import identifiers
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction, parse_time


class SessionEnded(DomainError):
    """The session of the token has ended, or the person may no longer sign in."""

    code = "session_ended"
    status = 401
    title = "This session has ended: sign in again."


class SecondFactorRequired(DomainError):
    """The session has not shown a second factor, and its person is staff or the installation asks it of everybody."""

    code = "second_factor_required"
    status = 403
    title = "A second factor is needed: set one up, or sign in again with it."


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


class PartyPending(DomainError):
    """The person has not confirmed their address yet, so their party does not take part."""

    code = "party_pending"
    status = 409
    title = "The address of this person is not confirmed yet."


class NotPermitted(DomainError):
    """The caller acts for this party, in a role that does not allow this; `permission` names what is missing."""

    code = "not_permitted"
    status = 403
    title = "Your role in this party does not allow this."

    def __init__(self, permission: Permission) -> None:
        super().__init__(f"{self.title} It needs the permission {permission}.", permission=permission.value)


class InvalidApiKey(DomainError):
    """The API key is none of ours, has expired, was revoked, or its maker may not sign in: all answer alike."""

    code = "invalid_api_key"
    status = 401
    title = "The API key is not valid."


class ScopeMissing(DomainError):
    """The API key was not given the scope for this; `permission` names what is missing."""

    code = "scope_missing"
    status = 403
    title = "This API key does not allow this."

    def __init__(self, permission: Permission) -> None:
        super().__init__(f"{self.title} It needs the scope {permission}.", permission=permission.value)


class PersonOnly(DomainError):
    """What concerns a person, and not the party that a key acts for, is done by people who have signed in."""

    code = "person_only"
    status = 403
    title = "This is for people who have signed in: no API key may do it."


_LIVE_SESSIONS = (
    "SELECT s.id, s.user_id, s.authenticated_at, s.second_factor_at IS NULL, u.staff_role <> ''"  # noqa: S608 - ours
    " FROM identity_login_session s{by_key} JOIN identity_user u ON u.id = s.user_id"
    f" WHERE {timeouts.LIVE} AND s.id IN ({{values}})"
)
_ACTIVE_USERS = "SELECT id FROM identity_user{by_key} WHERE is_active AND id IN ({values})"
_MEMBERSHIPS = "SELECT user_id, party_id, role FROM identity_membership WHERE user_id IN ({values})"
_LIVE_KEYS = (
    "SELECT k.id, k.made_by_id, k.party_id, k.scopes, u.staff_role <> '' FROM identity_api_key k{by_key}"
    " JOIN identity_user u ON u.id = k.made_by_id WHERE k.revoked_at IS NULL AND k.expires_at > %s AND u.is_active"
    " AND k.id IN ({values})"
)
_LIVE_KEY = (
    "SELECT k.scopes, m.role, p.state, u.staff_role <> ''"
    " FROM identity_api_key k JOIN identity_user u ON u.id = k.made_by_id"
    " LEFT JOIN identity_membership m ON m.user_id = u.id AND m.party_id = k.party_id AND m.party_id = %s"
    " LEFT JOIN identity_party p ON p.id = m.party_id"
    " WHERE k.id = %s AND k.made_by_id = %s AND k.revoked_at IS NULL AND k.expires_at > %s AND u.is_active"
)
_HELD = "SELECT id FROM identity_party WHERE id IN ({values}) ORDER BY id LOCK IN SHARE MODE"
_PARTIES = "SELECT id, handle, state FROM identity_party{by_key} WHERE id IN ({values})"


@dataclass(frozen=True, slots=True)
class PartyView:
    """What a batch needs to know of a party; `named` is how documents name it."""

    id: UUID
    state: PartyState
    named: dict[str, str]

    @property
    def handle(self) -> str:
        """Its handle."""
        return self.named["handle"]

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


def check(caller: Caller, needed: Permission | None, *, fresh: bool = False) -> None:
    """Raise SessionEnded, SecondFactorRequired, NotYourParty, PartyDisabled or NotPermitted if this may not be now.

    One short read, for everything that does not go through a batch; a batch asks Standing, by the same rules. With
    None every role will do. With `fresh` raise StepUpRequired, too, where the session has not shown recently who is
    there. By API key: InvalidApiKey in place of SessionEnded, and PersonOnly (with None, or `fresh`) or ScopeMissing
    before NotPermitted.
    """
    if caller.key_id is not None:
        _check_key(caller, needed)
        return
    if caller.user_id is None or caller.session_id is None:
        return  # an operator at the command line
    now = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.state, m.role, s.authenticated_at, s.second_factor_at IS NULL, u.staff_role <> ''"  # noqa: S608
            " FROM identity_login_session s JOIN identity_user u ON u.id = s.user_id"
            " LEFT JOIN identity_membership m ON m.user_id = u.id AND m.party_id = %s"
            " LEFT JOIN identity_party p ON p.id = m.party_id"
            f" WHERE s.id = %s AND s.user_id = %s AND {timeouts.LIVE}",
            [caller.party_id.bytes, caller.session_id.bytes, caller.user_id.bytes, *timeouts.live_at(now)],
        )
        row = cursor.fetchone()
    state, role, authenticated_at, without_factor, of_staff = row or (None, None, None, False, False)
    _judge(
        session_is_live=row is not None,
        factor_missing=bool(without_factor) and needs_second_factor(of_staff=bool(of_staff)),
        role=None if role is None else Role(role),
        party_is_active=state == "active",
        needed=needed,
    )
    if fresh:
        step_up.check(parse_time(authenticated_at), now)


def _check_key(caller: Caller, needed: Permission | None) -> None:
    key = [caller.party_id.bytes, caller.key_id.bytes, caller.person_id.bytes, _now()]  # type: ignore[union-attr]
    with connection.cursor() as cursor:
        cursor.execute(_LIVE_KEY, key)
        row = cursor.fetchone()
    scopes, role, state, of_staff = row or ("", None, None, False)
    _judge_key(
        None if row is None else scopes.split(),
        of_staff=bool(of_staff),
        role=None if role is None else Role(role),
        party_is_active=state == "active",
        needed=needed,
    )


def _now() -> str:
    # The time of this process, as with access tokens: a key lives for days.
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _judge_key(
    scopes: Collection[str] | None,
    *,
    of_staff: bool,
    role: Role | None,
    party_is_active: bool,
    needed: Permission | None,
) -> None:
    """Hold the rules for an API key: its own (None: it is not live), then those for its maker.

    A key shows no second factor, so those of staff do nothing as long as their maker is staff.
    """
    if scopes is None:
        raise InvalidApiKey
    if needed is None:
        raise PersonOnly
    _judge(session_is_live=True, factor_missing=of_staff, role=role, party_is_active=party_is_active, needed=None)
    if needed not in scopes or needed not in roles.FOR_KEYS:
        raise ScopeMissing(needed)
    if not roles.allows(role, needed):  # type: ignore[arg-type]  # without a role it has been refused
        raise NotPermitted(needed)


def needs_second_factor(*, of_staff: bool) -> bool:
    """Tell whether somebody can do nothing without a second factor."""
    return of_staff or settings.SECOND_FACTOR_FOR_ALL


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
        callers = {id(caller): caller for caller in callers}.values()  # all payments of a batch have the same one
        sessions = {c.session_id.bytes for c in callers if c.session_id is not None}
        users = {c.user_id.bytes for c in callers if c.user_id is not None}
        keys = {c.key_id.bytes for c in callers if c.key_id is not None}
        by_person = [c for c in callers if c.user_id is not None and c.key_id is None]
        deferred = {c.person_id.bytes for c in by_person if c.session_id is None}
        parties = {c.party_id.bytes for c in callers} | {party_id.bytes for party_id in party_ids}
        self._session_rows = tx.ask(_LIVE_SESSIONS, sessions, timeouts.live_at(datetime.now(UTC)))
        self._user_rows = tx.ask(_ACTIVE_USERS, deferred)
        self._key_rows = tx.ask(_LIVE_KEYS, keys, [_now()])
        self._membership_rows = tx.ask(_MEMBERSHIPS, users)
        self._party_rows = tx.ask(_PARTIES, parties)
        self._admitted: tuple[Caller, Permission] | None = None

    @cached_property
    def _live_sessions(self) -> dict[tuple[bytes, bytes], tuple[Any, bool]]:
        """When each session last showed who is there (as the database says it), and whether it lacks a factor."""
        return {
            (bytes(session), bytes(user)): (
                authenticated_at,
                bool(without_factor) and needs_second_factor(of_staff=bool(of_staff)),
            )
            for session, user, authenticated_at, without_factor, of_staff in self._session_rows.rows
        }

    @cached_property
    def _active_users(self) -> set[bytes]:
        return {bytes(user) for (user,) in self._user_rows.rows}

    @cached_property
    def _live_keys(self) -> dict[tuple[bytes, bytes], tuple[bytes, Collection[str], bool]]:
        """Return party and scopes of each live key, and whether its maker is staff, by its id and maker."""
        return {
            (bytes(key), bytes(maker)): (bytes(party), scopes.split(), bool(of_staff))
            for key, maker, party, scopes, of_staff in self._key_rows.rows
        }

    @cached_property
    def _roles(self) -> dict[tuple[bytes, bytes], Role]:
        return {(bytes(user), bytes(party)): Role(role) for user, party, role in self._membership_rows.rows}

    @cached_property
    def _parties(self) -> dict[bytes, PartyView]:
        return {
            bytes(raw): PartyView(id_, PartyState(state), {"id": identifiers.show("par", id_), "handle": handle})
            for raw, handle, state in self._party_rows.rows
            for id_ in [identifiers.from_bytes(raw)]
        }

    def admit(self, caller: Caller, needed: Permission) -> None:
        """Raise what `check` raises if this caller may not do this now."""
        if (caller, needed) == self._admitted:
            return  # ten thousand payments of a batch are one caller's, and this transaction sees one moment
        self._admit(caller, needed)
        self._admitted = (caller, needed)

    def _admit(self, caller: Caller, needed: Permission) -> None:
        if caller.user_id is None:
            return  # an operator at the command line
        user = caller.user_id.bytes
        party = self._parties.get(caller.party_id.bytes)
        if caller.key_id is not None:
            self._admit_key(caller, needed)
            return
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

    def _admit_key(self, caller: Caller, needed: Permission) -> None:
        user, acted_for = caller.person_id.bytes, caller.party_id.bytes
        live = self._live_keys.get((caller.key_id.bytes, user))  # type: ignore[union-attr]
        owner, scopes, of_staff = live or (b"", None, False)
        party = self._parties.get(acted_for)
        _judge_key(
            scopes,
            of_staff=of_staff,
            role=self._roles.get((user, acted_for)) if owner == acted_for else None,
            party_is_active=party is not None and party.active,
            needed=needed,
        )

    def party(self, party_id: UUID) -> PartyView:
        """Return one of the parties that were read; KeyError if it does not exist."""
        return self._parties[party_id.bytes]
