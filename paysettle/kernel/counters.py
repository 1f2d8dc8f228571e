"""Where throttles count: in a table, or in Redis with that table behind it (the setting REDIS_URL).

To count is to raise and to judge in one step, so no two attempts, in whatever processes, are taken for one. A counter
is known by a keyed digest, which stands for one window of one subject.
"""

import functools
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from django.conf import settings

from paysettle.kernel import transactions
from paysettle.kernel.models import Throttle
from paysettle.kernel.transactions import Transaction


class Away(Exception):
    """Nothing can be counted here now; it may or may not have been counted."""


class Counters(Protocol):
    """A place to count in."""

    def count(self, digest: bytes, *, by: int, most: int, ends_at: datetime) -> int:
        """Raise a counter by `by`, but not over `most`; return by how much it was raised. Raises Away.

        It is kept until `ends_at` at least, and not for long after.
        """

    def uncount(self, digests: Sequence[bytes]) -> None:
        """Lower counters by one each, none of them below zero; they stay as they are if this place is away."""

    def clear(self, digest: bytes) -> None:
        """Let a counter begin anew; it stays as it is if this place is away."""


class Table:
    """Rows of a table that all processes share; it is never away, for without the database there is no service."""

    def count(self, digest: bytes, *, by: int, most: int, ends_at: datetime) -> int:
        """Count under the lock of the row."""

        def work(tx: Transaction) -> int:
            insert = f"INSERT INTO kernel_throttle (digest, used, ends_at) VALUES (%s, %s, %s) {_on_conflict(tx)}"  # noqa: S608
            tx.execute(f"{insert} used = used + %s", [digest, by, tx.time(ends_at), by])
            # The row is ours until COMMIT, so this is the sum that nobody else has seen.
            ((used,),) = tx.fetch("SELECT used FROM kernel_throttle WHERE digest = %s", [digest])
            granted: int = max(0, min(by, most - (used - by)))
            if granted < by:
                tx.execute("UPDATE kernel_throttle SET used = used - %s WHERE digest = %s", [by - granted, digest])
            return granted

        return transactions.run(work, repeatable=True, plain=True)

    def uncount(self, digests: Sequence[bytes]) -> None:
        """Uncount in one transaction."""

        def work(tx: Transaction) -> None:
            for digest in digests:
                tx.execute("UPDATE kernel_throttle SET used = used - 1 WHERE digest = %s AND used > 0", [digest])

        transactions.run(work, plain=True)

    def clear(self, digest: bytes) -> None:
        """Delete the row."""
        transactions.run(lambda tx: tx.execute("DELETE FROM kernel_throttle WHERE digest = %s", [digest]), plain=True)

    def mark(self, digest: bytes, *, ends_at: datetime) -> None:
        """Keep a digest until then."""

        def work(tx: Transaction) -> None:
            moment = tx.time(ends_at)
            insert = f"INSERT INTO kernel_throttle (digest, used, ends_at) VALUES (%s, 1, %s) {_on_conflict(tx)}"  # noqa: S608
            tx.execute(f"{insert} ends_at = %s", [digest, moment, moment])

        transactions.run(work, repeatable=True, plain=True)

    def is_marked(self, digest: bytes, *, now: datetime) -> bool:
        """Tell whether a digest is kept."""
        return transactions.read(Throttle.objects.filter(digest=digest, ends_at__gt=now).exists)


TABLE = Table()


def count(digest: bytes, *, by: int, most: int, ends_at: datetime) -> tuple[int, Counters]:
    """Count in Redis if there is one, in the table while that is away; return by how much it was raised, and where."""
    if settings.REDIS_URL:
        redis = in_redis(settings.REDIS_URL)
        with suppress(Away):
            return redis.count(digest, by=by, most=most, ends_at=ends_at), redis
    return TABLE.count(digest, by=by, most=most, ends_at=ends_at), TABLE


def clear(digest: bytes) -> None:
    """Let a counter begin anew, wherever it was counted."""
    TABLE.clear(digest)
    if settings.REDIS_URL:
        in_redis(settings.REDIS_URL).clear(digest)


@functools.cache
def in_redis(url: str) -> Counters:
    """Return the counters in a Redis: one object for each process, which remembers whether it is away."""
    from paysettle.kernel.redis_counters import RedisCounters  # it needs a package that not everybody has

    return RedisCounters(url)


def _on_conflict(tx: Transaction) -> str:
    return "ON DUPLICATE KEY UPDATE" if tx.mysql else "ON CONFLICT (digest) DO UPDATE SET"
