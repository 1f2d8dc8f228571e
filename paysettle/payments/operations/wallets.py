"""Staff freeze a wallet, reopen it, or close it for good, with a reason; payments see it at once."""

from uuid import UUID

from paysettle.identity.caller import Caller
from paysettle.identity.models import AdminVerb
from paysettle.identity.operations import recording
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.transactions import Transaction
from paysettle.ledger import states
from paysettle.ledger.chart import AccountState


def freeze(*, by: Caller, account_id: UUID, reason: str) -> None:
    """Refuse all that would move money on a wallet. Raises StaffOnly, ReasonMissing, NotFound, AccountIsClosed."""
    _change(by, account_id, AccountState.FROZEN, AdminVerb.FROZEN, reason)


def reopen(*, by: Caller, account_id: UUID, reason: str) -> None:
    """Let a frozen wallet take part again. Raises StaffOnly, ReasonMissing, NotFound, AccountIsClosed."""
    _change(by, account_id, AccountState.OPEN, AdminVerb.REOPENED, reason)


def close(*, by: Caller, account_id: UUID, reason: str) -> None:
    """Close an empty wallet for good. Raises StaffOnly, ReasonMissing, NotFound, AccountIsClosed, AccountNotEmpty."""
    _change(by, account_id, AccountState.CLOSED, AdminVerb.CLOSED, reason)


def _change(by: Caller, account_id: UUID, state: AccountState, verb: AdminVerb, reason: str) -> None:
    def work(tx: Transaction) -> None:
        stored_reason = recording.check_staff(by, reason=reason)
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
