"""How long messages that left are kept: 30 days.

What was sent is gone by then; the inbox entry stays. Messages that failed, were skipped or still wait stay for somebody
to look at.
"""

from datetime import timedelta

from paysettle.kernel.jobs import Fence, Job
from paysettle.kernel.transactions import Transaction
from paysettle.notifications.models import MailState, OutgoingMail

KEPT_FOR = timedelta(days=30)
BATCH_MAX = 500


def forget_sent_mail(fence: Fence) -> bool:
    """Delete a batch of messages that were sent long ago; return whether there may be more."""

    def work(tx: Transaction) -> int:
        before = tx.read_clock() - KEPT_FOR
        # The time of a next attempt is never before that of the sending, and it stands in the index.
        sent = OutgoingMail.objects.filter(state=MailState.SENT, next_attempt_at__lt=before, sent_at__lt=before)
        ids = list(sent.order_by("next_attempt_at").values_list("id", flat=True)[:BATCH_MAX])
        OutgoingMail.objects.filter(id__in=ids).delete()
        return len(ids)

    return fence.run(work) == BATCH_MAX


FORGET_SENT_MAIL = Job("notifications.forget_sent_mail", "37 3 * * *", forget_sent_mail)
