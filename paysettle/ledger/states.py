"""Freezing, reopening and closing wallets. A transfer sees the state under the account's lock, so it acts at once."""

from dataclasses import dataclass
from uuid import UUID

from paysettle.kernel import identifiers
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.transactions import Transaction
from paysettle.ledger.chart import WALLET, AccountState
from paysettle.ledger.models import Account


class AccountNotEmpty(DomainError):
    """An account with money, or money on hold, cannot be closed."""

    code = "account_not_empty"
    status = 409
    title = "This account still has money, or money on hold."


class AccountIsClosed(DomainError):
    """A closed account stays closed."""

    code = "account_is_closed"
    status = 409
    title = "This account has been closed for good."


_WALLETS = "SELECT id, balance_minor, held_minor, state FROM ledger_account WHERE id IN ({values}) ORDER BY id"


@dataclass(frozen=True, slots=True)
class Wallet:
    """A locked wallet: what it holds, in minor units, and its state."""

    account_id: UUID
    balance_minor: int
    held_minor: int
    state: str


def lock_wallets(tx: Transaction, owner_id: UUID) -> list[Wallet]:
    """Lock the wallets of an owner in id order, inside an open transaction, and return them."""
    ids = tx.fetch("SELECT id FROM ledger_account WHERE owner_id = %s AND kind = %s", [owner_id.bytes, WALLET.code])
    rows = tx.fetch_in(
        _WALLETS + tx.for_update,
        {bytes(id_) for (id_,) in ids},
    )
    return [Wallet(identifiers.from_bytes(id_), *rest) for id_, *rest in rows]


def change(tx: Transaction, account_id: UUID, state: AccountState) -> int | None:
    """Change the state of a wallet inside an open transaction; return its new version, None if it is so already.

    The system's own accounts are no wallets: without them money could neither come in nor go out. Raises NotFound,
    AccountIsClosed, AccountNotEmpty (closing one with money).
    """
    rows = tx.fetch(
        "SELECT state, balance_minor, held_minor, version FROM ledger_account"  # noqa: S608
        f" WHERE id = %s AND kind = %s{tx.for_update}",
        [account_id.bytes, WALLET.code],
    )
    if not rows:
        raise NotFound
    before, balance_minor, held_minor, version = rows[0]
    if before == state:
        return None
    if before == AccountState.CLOSED:
        raise AccountIsClosed
    if state == AccountState.CLOSED and (balance_minor or held_minor):
        raise AccountNotEmpty
    Account.objects.filter(id=account_id).update(state=state, version=version + 1)
    return int(version) + 1
