"""How long idempotency keys are kept.

A success's key is kept for ever, so that it can never be repeated; its stored answer for 30 days, after which the same
key is told that it has expired, and which object it made. Keys of refusals are deleted after 30 days.
"""

from datetime import timedelta

from paysettle.kernel.jobs import Fence, Job
from paysettle.kernel.models import IdempotencyKey, ScheduledJob
from paysettle.kernel.transactions import Transaction

KEPT_FOR = timedelta(days=30)
BATCH_MAX = 500


def forget_old_answers(fence: Fence) -> bool:
    """Drop a small batch of old answers and old refusals; return whether there may be more."""

    def work(tx: Transaction) -> int:
        before = tx.read_clock() - KEPT_FOR
        # From where it came to the last time: the keys of successes stay, more and more of them.
        reached_at = ScheduledJob.objects.values_list("reached_at", flat=True).get(name=fence.name)
        since = {} if reached_at is None else {"created_at__gte": reached_at}
        old = list(
            IdempotencyKey.objects.filter(created_at__lt=before, answer__isnull=False, **since)
            .order_by("created_at")
            .values_list("created_at", "digest", "party_id", "operation", "success")[:BATCH_MAX]
        )
        for _, digest, party_id, operation, success in old:
            row = IdempotencyKey.objects.filter(digest=digest, party_id=party_id, operation=operation)
            if success:
                row.update(answer=None)
            else:
                row.delete()
        reached_at = old[-1][0] if len(old) == BATCH_MAX else before
        ScheduledJob.objects.filter(name=fence.name).update(reached_at=reached_at)
        return len(old)

    return fence.run(work) == BATCH_MAX


FORGET_OLD_ANSWERS = Job("kernel.forget_old_answers", "17 3 * * *", forget_old_answers)
