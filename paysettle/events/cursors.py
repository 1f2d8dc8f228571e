"""Leases on the cursors of the log: one worker at a time advances a cursor, and a late one is refused.

A lease is taken by compare-and-swap on the cursor's token and ends by the database's time. It only saves work: what
makes two workers harmless is that advancing asks for the token, in the same transaction as the effects.
"""

import time
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from paysettle.kernel import transactions
from paysettle.kernel.transactions import Transaction, parse_time


class LeaseLost(Exception):
    """Another worker has taken over; what was done under the old lease is rolled back."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to advance a cursor until another worker takes it."""

    name: str
    token: int
    renew_at: float

    @property
    def fresh(self) -> bool:
        """Whether nobody can have taken the cursor yet, by this machine's monotonic clock."""
        return time.monotonic() < self.renew_at


def take(name: str, *, held: Lease | None = None) -> Lease | None:
    """Take or renew the lease of a cursor, making the cursor if it is missing; None while another worker holds it."""
    renew_at = time.monotonic() + settings.WORKER_LEASE_S / 2

    def work(tx: Transaction) -> Lease | None:
        rows = tx.fetch("SELECT token, held_until FROM event_cursor WHERE name = %s", [name])
        if not rows:
            _make(tx, name)
        token, held_until = rows[0] if rows else (0, None)
        now = tx.read_clock()
        ours = held is not None and held.token == token
        if held_until is not None and parse_time(held_until) > now and not ours:
            return None
        until = tx.time(now + timedelta(seconds=settings.WORKER_LEASE_S))
        sql = "UPDATE event_cursor SET token = token + 1, held_until = %s WHERE name = %s AND token = %s"
        return Lease(name, token + 1, renew_at) if tx.execute(sql, [until, name, token]) else None

    return transactions.run(work)


def advance(tx: Transaction, lease: Lease, position: int) -> None:
    """Move a cursor to a position and prolong the lease; raise LeaseLost if another worker has taken over."""
    until = tx.time(tx.read_clock() + timedelta(seconds=settings.WORKER_LEASE_S))
    sql = "UPDATE event_cursor SET position = %s, held_until = %s WHERE name = %s AND token = %s AND position <= %s"
    if not tx.execute(sql, [position, until, lease.name, lease.token, position]):
        raise LeaseLost(lease.name)


def release(lease: Lease) -> None:
    """Let go of a lease, so that the next worker need not wait for its end."""
    sql = "UPDATE event_cursor SET held_until = NULL WHERE name = %s AND token = %s"
    transactions.run(lambda tx: tx.execute(sql, [lease.name, lease.token]))


def raise_to(name: str, position: int) -> None:
    """Note that everything up to a position has been handled, for readers that hold no lease."""

    def work(tx: Transaction) -> None:
        if not tx.fetch("SELECT 1 FROM event_cursor WHERE name = %s", [name]):
            _make(tx, name)
        tx.execute(
            "UPDATE event_cursor SET position = %s WHERE name = %s AND position < %s", [position, name, position]
        )

    transactions.run(work)


def _make(tx: Transaction, name: str) -> None:
    tx.insert("event_cursor", ("name", "position", "token", "starts", "suspect"), [(name, 0, 0, 0, 0)])
