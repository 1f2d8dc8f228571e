"""Holds that have passed their deadline give their money back; the worker asks, the database's clock decides."""

from paysettle.identity.caller import Caller
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.idempotency import fingerprint
from paysettle.kernel.identifiers import SYSTEM
from paysettle.kernel.jobs import Fence, Job
from paysettle.kernel.lane import lane
from paysettle.ledger import queries as ledger
from paysettle.payments.lifecycle import Verb
from paysettle.payments.operations.moves import PaymentMove, move_payment

BATCH_MAX = 200


def expire_holds(_fence: Fence) -> bool:
    """Expire a batch of due holds; return whether there may be more. Its keys make it harmless when done twice."""
    return expire_due() == BATCH_MAX


def expire_due() -> int:
    """Expire what is due, a batch at most, and return how many there were. A key for each: once is enough."""
    now = transactions.run(lambda tx: tx.read_clock())
    due = ledger.due_holds(now, limit=BATCH_MAX)  # each is a payment's, of one that waits for approval too
    caller = Caller(party_id=SYSTEM, operator="expiry")
    orders = [
        PaymentMove(
            party_id=SYSTEM,
            key=f"expire-{payment_id}",
            fingerprint=fingerprint("expire", str(payment_id)),
            request_id=identifiers.show("req", identifiers.new()),
            by=caller,
            what=Verb.EXPIRE,
            payment_id=payment_id,
        )
        for payment_id in due
    ]
    futures = [lane.submit(move_payment, order) for order in orders]
    for future in futures:
        future.exception(timeout=lane.deadline_s + transactions.PATIENCE_S)
    return len(due)


EXPIRE_HOLDS = Job("payments.expire_holds", "* * * * *", expire_holds)
