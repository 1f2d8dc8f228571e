"""Groups of transfers that nobody has ordered, for tests of the ledger."""

from paysettle.events import log
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.transactions import Transaction
from paysettle.ledger.posting import Group, Posting
from paysettle.ledger.rules import Transfer
from tests.events import new_event


def post(*transfers: Transfer) -> None:
    """Post one group, with an event of its own, as an operation would."""
    event_id, subject_id = identifiers.new(), identifiers.new()

    def work(tx: Transaction) -> None:
        posting = Posting(tx, {account for t in transfers for account in (t.debit_id, t.credit_id)})
        now = tx.read_clock()
        posting.post(Group(transfers=transfers, subject_kind="test", subject_id=subject_id, event_id=event_id), at=now)
        posting.write()
        stream = identifiers.show("tst", subject_id)
        log.record(new_event("paysettle.test.posted.v1", stream, 1, now, event_id=event_id))

    transactions.run(work)
