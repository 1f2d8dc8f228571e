"""How often somebody may fail to sign in: counted by account name and by address, in the cache all processes share.

A window of time has so many slots. A slot is an entry of the cache, taken with `add`, which no two processes can do for
the same entry: Django's `incr` is a read and a write on most caches, and parallel guesses would count as one. A slot is
taken before the password is looked at and given back when it was right, so what stays taken is the failures.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache

from paysettle.kernel.errors import DomainError

WINDOW_S = 300


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures fit into a window, for what."""

    scope: str
    most: int


BY_ADDRESS = Limit("address", 20)
BY_ACCOUNT = Limit("account", 5)


class TooManySignIns(DomainError):
    """Too many failures to sign in, from this address or to this account; `retry_after_s` says how long to wait."""

    code = "too_many_sign_ins"
    status = 429
    title = "Too many attempts to sign in: wait a few minutes."
    retryable = True


def take(*, address: str, account: str, now: datetime) -> list[str]:
    """Take a slot of the address and one of the account and return them; raise TooManySignIns if there is none."""
    return [_slot(BY_ADDRESS, address, now), _slot(BY_ACCOUNT, account, now)]


def give_back(slots: list[str]) -> None:
    """Let go of what `take` returned: the sign-in was no failure."""
    cache.delete_many(slots)


def _slot(limit: Limit, name: str, now: datetime) -> str:
    # The window stands in the key, so that no slot is ever used in two windows.
    window, gone_s = divmod(int(now.timestamp()), WINDOW_S)
    digest = hashlib.sha256(name.encode()).hexdigest()
    for number in range(limit.most):
        key = f"dashboard.sign-in.{limit.scope}.{digest}.{window}.{number}"
        if cache.add(key, 1, timeout=WINDOW_S):
            return key
    raise TooManySignIns(retry_after_s=WINDOW_S - gone_s)
