"""What payments have to say when an account is to be closed, and what of theirs ends with it: the wallets."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from paysettle.identity.caller import Caller
from paysettle.identity.closing import Hindrance, Part
from paysettle.identity.operations import recording
from paysettle.kernel import identifiers
from paysettle.kernel.transactions import Transaction
from paysettle.ledger import states
from paysettle.ledger.chart import AccountState
from paysettle.payments import queries


def hindrances(tx: Transaction, party_id: UUID) -> list[Hindrance]:
    """Lock the wallets of a party, then return what speaks against closing them."""
    wallets, now = states.lock_wallets(tx, party_id), tx.read_clock()
    return [
        *_some("wallet_not_empty", "A wallet still has money.", [w for w in wallets if w.balance_minor]),
        *_some("money_on_hold", "Money of a wallet is on hold.", [w for w in wallets if w.held_minor]),
        *_some("wallet_frozen", "A wallet is frozen.", [w for w in wallets if w.state == AccountState.FROZEN]),
        *_some(
            "capture_open",
            "Others hold money for this account: capture or release it.",
            queries.authorised_for(party_id, at=now, most=_COUNTED_MAX),
        ),
        *_some(
            "approval_open",
            "Payments of this account wait for approval: approve, reject or withdraw them.",
            queries.waiting_of(party_id, at=now, most=_COUNTED_MAX),
        ),
        *_some("batch_running", "A batch of payments is being carried out.", queries.running_batches_of(party_id)),
    ]


def end(tx: Transaction, party_id: UUID, by: Caller, at: datetime) -> None:
    """Close the wallets of a party, which are locked and empty."""
    for wallet in states.lock_wallets(tx, party_id):
        version = states.change(tx, wallet.account_id, AccountState.CLOSED)
        if version is not None:
            recording.event(
                stream=identifiers.show("acc", wallet.account_id),
                version=version,
                type_="account.closed",
                actor=by.actor,
                party=by.party,
                at=at,
            )


def _some(code: str, message: str, found: Sequence[object]) -> list[Hindrance]:
    return [Hindrance(code, message, len(found))] if found else []


_COUNTED_MAX = 100
"""Somebody for whom very many hold money is told of so many."""

PART = Part(hindrances=hindrances, end=end)
