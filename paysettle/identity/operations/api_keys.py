"""Making, rotating and revoking the API keys of a party.

All hold the lock of the party's row and ask under it what the caller may do, so that no key is made by somebody who is
being removed. Who makes a key gives it no more than their own role allows, and it never has more than that role allows
at the moment (`standing`). No key does any of this: `keys.manage` is no scope.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from paysettle.identity import api_keys, roles, standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import ApiKey, Membership, Party, User
from paysettle.identity.operations import live_keys
from paysettle.identity.roles import Permission, Role
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.transactions import Transaction

NAME_LENGTH_MAX = 64
NETWORKS_MAX = 20
LIVE_MAX = 50
"""How many live keys a party has at most."""

OVERLAP_DEFAULT = timedelta(days=1)
OVERLAP_MAX = timedelta(days=7)


class ScopeNotHeld(DomainError):
    """The maker's own role in the party does not allow what the key is to be given; `scopes` names it."""

    code = "scope_not_held"
    status = 403
    title = "A key is given nothing that your own role does not allow."


class ScopeNotForKeys(DomainError):
    """No API key may manage members, owners or credentials; `scopes` names what was asked for."""

    code = "scope_not_for_keys"
    status = 422
    title = "No API key may be given this: it is for people who have signed in."


class TooManyApiKeys(DomainError):
    """The party has as many live keys as it may."""

    code = "too_many_api_keys"
    status = 409
    title = f"A party has at most {LIVE_MAX} live API keys: revoke one first."


class ApiKeyEnded(DomainError):
    """The key was revoked, has expired, or was replaced already: another one can be made."""

    code = "api_key_ended"
    status = 409
    title = "This API key has ended or was replaced already: make another one."


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that has just been made, and the only copy of its secret."""

    key: ApiKey
    secret: str


def make(*, by: Caller, name: str, scopes: Collection[Permission], networks: Sequence[str], life: timedelta) -> NewKey:
    """Make a key of the acting party. `networks` are in CIDR form; none: from anywhere.

    Raises NotPermitted, ScopeNotHeld, ScopeNotForKeys, TooManyApiKeys.
    """

    def work(tx: Transaction) -> NewKey:
        party = _enter(by)
        now = tx.read_clock()
        _check_room(party.id, now)
        return _make(by=by, name=name, scopes=scopes, networks=" ".join(networks), life=life, at=now)

    return transactions.run(work)


def rotate(*, by: Caller, key_id: UUID, overlap: timedelta, life: timedelta | None) -> NewKey:
    """Make a key like one of the acting party's, which goes on for `overlap` at most. The caller is its maker.

    With None the new one lives for as long as the old one was given, within API_KEY_DAYS_MAX.

    Raises NotPermitted, NotFound, ApiKeyEnded, ScopeNotHeld, TooManyApiKeys (the old one counts while it goes on).
    """

    def work(tx: Transaction) -> NewKey:
        _enter(by)
        old = _key(by.party_id, key_id)
        now = tx.read_clock()
        if old.revoked_at is not None or old.expires_at <= now or old.replaced_by_id is not None:
            raise ApiKeyEnded
        if overlap:
            _check_room(by.party_id, now)
        scopes = [Permission(scope) for scope in old.scopes.split()]
        span = life or min(old.expires_at - old.created_at, timedelta(days=settings.API_KEY_DAYS_MAX))
        made = _make(by=by, name=old.name, scopes=scopes, networks=old.networks, life=span, at=now, instead_of=old)
        old.expires_at, old.version = min(old.expires_at, now + overlap), old.version + 1
        ApiKey.objects.filter(id=old.id).update(replaced_by=made.key, expires_at=old.expires_at, version=old.version)
        live_keys.record(old, "replaced", by=by, at=now, replaced_by=identifiers.show("key", made.key.id))
        return made

    return transactions.run(work)


def revoke(*, by: Caller, key_id: UUID) -> ApiKey:
    """End a key of the acting party at once and return it; one that has ended stays as it is.

    Raises NotPermitted, NotFound.
    """

    def work(tx: Transaction) -> ApiKey:
        _enter(by)
        key = _key(by.party_id, key_id)
        now = tx.read_clock()
        if key.revoked_at is None and key.expires_at > now:
            live_keys.end(key, by=by, at=now)
        return key

    return transactions.run(work)


def _enter(by: Caller) -> Party:
    """Lock the person and the party, inside the open transaction, and ask under the locks what the caller may do."""
    User.objects.select_for_update().get(id=by.person_id)  # who is being disabled makes no key that outlives it
    party = Party.objects.select_for_update().get(id=by.party_id)
    standing.check(by, Permission.KEYS_MANAGE)
    return party


def _check_room(party_id: UUID, now: datetime) -> None:
    if live_keys.live(now).filter(party_id=party_id).count() >= LIVE_MAX:
        raise TooManyApiKeys


def _key(party_id: UUID, key_id: UUID) -> ApiKey:
    # Locked, because a key also ends with its maker, whose lock is not that of the party.
    found = ApiKey.objects.select_for_update().filter(id=key_id, party_id=party_id).first()
    if found is None:
        raise NotFound
    return found


def _make(
    *,
    by: Caller,
    name: str,
    scopes: Collection[Permission],
    networks: str,
    life: timedelta,
    at: datetime,
    instead_of: ApiKey | None = None,
) -> NewKey:
    _check_scopes(by, scopes)
    key_id = identifiers.new()
    secret = api_keys.new_secret(key_id)
    key = ApiKey.objects.create(
        id=key_id,
        party_id=by.party_id,
        made_by_id=by.person_id,
        name=name,
        digest=api_keys.digest(secret),
        scopes=" ".join(sorted(scopes)),
        networks=networks,
        created_at=at,
        expires_at=at + life,
    )
    replaces = {} if instead_of is None else {"replaces": identifiers.show("key", instead_of.id)}
    live_keys.record(key, "made", by=by, at=at, **replaces)
    return NewKey(key, secret)


def _check_scopes(by: Caller, scopes: Collection[Permission]) -> None:
    role = Role(Membership.objects.get(user_id=by.person_id, party_id=by.party_id).role)
    not_held = sorted(scope for scope in scopes if not roles.allows(role, scope))
    if not_held:
        raise ScopeNotHeld(scopes=not_held)
    not_for_keys = sorted(scope for scope in scopes if scope not in roles.FOR_KEYS)
    if not_for_keys:
        raise ScopeNotForKeys(scopes=not_for_keys)
