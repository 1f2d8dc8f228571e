"""API keys as they are presented: how one looks, whose it is, and when it was last used.

A key is `psk_`, the letters of its public id, and a secret of 256 random bits: secret scanners can know it by its form.
We keep its SHA-256, which suffices for a secret that nobody can guess. What never changes of a key is remembered in the
process; whether it may do something now is asked each time (`standing`), so a key that was revoked is refused at once.
"""

import asyncio
import hashlib
import ipaddress
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import connections
from django.db.models import Q
from django.utils import timezone

from paysettle.identity.models import ApiKey
from paysettle.identity.standing import InvalidApiKey
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError, Overloaded
from paysettle.kernel.transactions import Transaction

K = TypeVar("K")
V = TypeVar("V")

PREFIX = "psk_"

REMEMBERED_MAX = 10_000
"""How many keys a process remembers."""

WAITING_MAX = 64
"""How many look-ups of keys may wait beside the event loop; more would be somebody who tries keys."""

USE_NOTED_EVERY = timedelta(minutes=1)

_SECRET_BYTES = 32

_log = structlog.get_logger(__name__)


class AddressNotAllowed(DomainError):
    """The API key is for other networks than the one that the request comes from."""

    code = "address_not_allowed"
    status = 403
    title = "This API key may not be used from this address."


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """What never changes of a key: the party it acts for, the person who made it, and where it may be used."""

    id: UUID
    party_id: UUID
    made_by_id: UUID
    networks: tuple[Network, ...]

    def check_address(self, address: str) -> None:
        """Raise AddressNotAllowed if the key is for certain networks and this address is in none of them."""
        if self.networks and not (address and any(ipaddress.ip_address(address) in one for one in self.networks)):
            raise AddressNotAllowed


def new_secret(key_id: UUID) -> str:
    """Return the whole key, to be shown once."""
    letters = identifiers.show("key", key_id).removeprefix("key_")
    return f"{PREFIX}{letters}_{secrets.token_hex(_SECRET_BYTES)}"


def digest(text: str) -> bytes:
    """Return the digest of a key that is stored."""
    return hashlib.sha256(text.encode()).digest()


def is_one(token: str) -> bool:
    """Tell whether a bearer token is meant as an API key; only the look-up tells whether it is one."""
    return token.startswith(PREFIX)


def find(token: str) -> KnownKey:
    """Return the key that a token is; raise InvalidApiKey for one that is unknown or has ended, in whatever form."""
    key_digest = digest(token)
    return _known.get(key_digest) or _remember(key_digest, _read(key_digest))


async def find_on_loop(token: str) -> KnownKey:
    """The same on an event loop, which is not held up: a key that this process has not seen is read in a thread.

    Raises Overloaded as well, when too many wait for that.
    """
    global _waiting  # noqa: PLW0603 - counted on the event loop alone
    key_digest = digest(token)
    known = _known.get(key_digest)
    if known is not None:
        return known
    if _waiting >= WAITING_MAX:
        raise Overloaded
    _waiting += 1
    try:
        found = await asyncio.get_running_loop().run_in_executor(_reader, _read_and_hang_up, key_digest)
    finally:
        _waiting -= 1
    return _remember(key_digest, found)


def note_use(key: KnownKey) -> None:
    """Note that a key is used now, a little later and in a transaction of its own; once a minute is enough."""
    now = time.monotonic()
    if now - _noted.get(key.id, -1e9) < USE_NOTED_EVERY.total_seconds():
        return
    _put(_noted, key.id, now)
    _writer.submit(_note, key.id)


_known: dict[bytes, KnownKey] = {}
_noted: dict[UUID, float] = {}
_lock = threading.Lock()
_waiting = 0
_reader = ThreadPoolExecutor(1, thread_name_prefix="api-keys-read")
_writer = ThreadPoolExecutor(1, thread_name_prefix="api-keys-used")


def _read(key_digest: bytes) -> KnownKey | None:
    found = ApiKey.objects.filter(digest=key_digest, revoked_at=None, expires_at__gt=timezone.now())
    row = transactions.read(found.values_list("id", "party_id", "made_by_id", "networks").first)
    if row is None:
        return None
    networks = tuple(ipaddress.ip_network(text) for text in row[3].split())
    return KnownKey(id=row[0], party_id=row[1], made_by_id=row[2], networks=networks)


def _read_and_hang_up(key_digest: bytes) -> KnownKey | None:
    try:
        return _read(key_digest)
    finally:
        connections.close_all()


def _remember(key_digest: bytes, found: KnownKey | None) -> KnownKey:
    # What was not found is not remembered, so nobody can push the keys of others out with keys that are not ours.
    if found is None:
        raise InvalidApiKey
    _put(_known, key_digest, found)
    return found


def _put(remembered: dict[K, V], name: K, value: V) -> None:
    with _lock:
        remembered[name] = value
        if len(remembered) > REMEMBERED_MAX:
            del remembered[next(iter(remembered))]


def _note(key_id: UUID) -> None:
    def work(tx: Transaction) -> None:
        now = tx.read_clock()
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
        ApiKey.objects.filter(stale, id=key_id, revoked_at=None, expires_at__gt=now).update(last_used_at=now)

    try:
        transactions.run(work)
    except Exception:
        _log.exception("use_of_api_key_not_noted", key=identifiers.show("key", key_id))
    finally:
        connections.close_all()
