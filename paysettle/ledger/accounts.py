"""Which account belongs to whom: looked up, and opened when it is missing, before any lock is taken."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from uuid import UUID

from django.db import connection

from paysettle.kernel import identifiers, transactions
from paysettle.kernel.transactions import Transaction
from paysettle.ledger.chart import KINDS, WALLET, WORLD

Place = tuple[UUID, str, str]
"""The owner, the code of the kind and the currency: an account's identity for life."""


HoldOwners = Callable[[Transaction, Iterable[UUID]], None]
_hold_owners: HoldOwners | None = None


def set_hold_owners(hold: HoldOwners) -> None:
    """Name the function that keeps owners as they are while accounts are opened for them.

    Whoever closes an owner locks it first, and so knows all its accounts, the one being opened at that moment included.
    The ledger knows no owners: `payments` names the function when it is loaded.
    """
    global _hold_owners  # noqa: PLW0603 - wired once, at start
    _hold_owners = hold


def wallet(party_id: UUID, currency: str) -> UUID:
    """Return the account id of a party's wallet in a currency, opening it when there is none."""
    return _find_or_open(party_id, WALLET.code, currency)


def find_wallet(party_id: UUID, currency: str) -> UUID | None:
    """Return the account id of a party's wallet in a currency, or None when there is none: it is not opened."""
    try:
        return _found_once(party_id, WALLET.code, currency)
    except LookupError:
        return None


def world(currency: str) -> UUID:
    """Return the account id of everything outside, in a currency, opening it when there is none."""
    return _find_or_open(identifiers.SYSTEM, WORLD.code, currency)


def _find_or_open(owner_id: UUID, kind: str, currency: str) -> UUID:
    try:
        return _found_once(owner_id, kind, currency)
    except LookupError:
        open_missing([(owner_id, kind, currency)])
        return _found_once(owner_id, kind, currency)


@lru_cache(maxsize=100_000)
def _found_once(owner_id: UUID, kind: str, currency: str) -> UUID:
    """An account never changes owner, kind or currency, so what was found once stays true.

    What was not found is not remembered: it is raised as LookupError.
    """
    found = _find(owner_id, kind, currency)
    if found is None:
        raise LookupError(kind, currency)
    return found


def _find(owner_id: UUID, kind: str, currency: str) -> UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM ledger_account WHERE owner_id = %s AND kind = %s AND currency = %s",
            [owner_id.bytes, kind, currency],
        )
        row = cursor.fetchone()
    return None if row is None else identifiers.from_bytes(row[0])


def open_missing(places: Iterable[Place]) -> None:
    """Open accounts in a short transaction of their own; those that exist already stay as they are."""
    wanted = list(places)

    def work(tx: Transaction) -> None:
        if _hold_owners is not None:
            _hold_owners(tx, [owner_id for owner_id, _, _ in wanted])
        ignore = "INSERT IGNORE" if tx.mysql else "INSERT OR IGNORE"
        now = tx.time(tx.read_clock())
        for owner_id, kind, currency in wanted:
            tx.execute(
                f"{ignore} INTO ledger_account (id, owner_id, kind, currency, balance_minor, held_minor, sequence,"
                " floor_minor, state, version, last_booked_at) VALUES (%s, %s, %s, %s, 0, 0, 0, %s, 'open', 0, %s)",
                [identifiers.new().bytes, owner_id.bytes, kind, currency, KINDS[kind].floor_minor, now],
            )

    transactions.run(work, repeatable=True)
