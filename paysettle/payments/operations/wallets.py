"""Staff freeze a wallet, reopen it, or close it for good, with a reason; payments see it at once."""

from uuid import UUID

from paysettle.identity.caller import Caller
from paysettle.identity.models import AdminVerb
from paysettle.identity.operations import recording, staff
from paysettle.identity.roles import StaffPermission
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.transactions import Transaction
from paysettle.ledger import queries, states
from paysettle.ledger.chart import AccountState


def freeze(*, by: Caller, account_id: UUID, reason: str) -> None:
    """Refuse all that would move money on a wallet. Raises what `check_about` does, NotFound, AccountIsClosed."""
    _change(by, account_id, AccountState.FROZEN, AdminVerb.FROZEN, StaffPermission.WALLET_FREEZE, reason)


def reopen(*, by: Caller, account_id: UUID, reason: str) -> None:
    """Let a frozen wallet take part again. Raises what `check_about` does, NotFound, AccountIsClosed."""
    _change(by, account_id, AccountState.OPEN, AdminVerb.REOPENED, StaffPermission.WALLET_FREEZE, reason)


def close(*, by: Caller, account_id: UUID, reason: str) -> None:
    """Close an empty wallet for good. Raises what `check_about` does, NotFound, AccountIsClosed, AccountNotEmpty."""
    _change(by, account_id, AccountState.CLOSED, AdminVerb.CLOSED, StaffPermission.WALLET_CLOSE, reason)


def _change(
    by: Caller, account_id: UUID, state: AccountState, verb: AdminVerb, needed: StaffPermission, reason: str
) -> None:
    def work(tx: Transaction) -> None:
        stored_reason = staff.check_about(queries.owner_of(account_id), by=by, needed=needed, reason=reason)
        version = states.change(tx, account_id, state)
        if version is None:
            return
        now = tx.read_clock()
        recording.admin_action(
            by=by, subject_kind="account", subject_id=account_id, verb=verb, reason=stored_reason, at=now
        )
        recording.event(
            stream=identifiers.show("acc", account_id),
            version=version,
            type_=f"account.{verb.value}",
            actor=by.actor,
            party=by.party,
            at=now,
        )

    transactions.run(work)
