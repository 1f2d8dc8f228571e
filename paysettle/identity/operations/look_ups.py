"""Looking for a party that somebody names: limited for each person, and recorded, whatever came of it.

Whoever may ask without end learns in time who is here, and by guessing what their names are. So each look-up is a row,
and the rows of a person are counted under the lock of that person: the limit holds across threads and processes. What
was asked is kept as a keyed digest alone.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from paysettle.identity import addresses
from paysettle.identity.caller import Caller
from paysettle.identity.models import LookUp, LookUpKind, User
from paysettle.kernel import transactions
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.jobs import Fence, Job
from paysettle.kernel.transactions import Transaction

T = TypeVar("T")

LIMITS = ((timedelta(hours=1), 60), (timedelta(days=1), 300))
"""How many look-ups a person may make within a time, for whichever party they act."""

KEPT_FOR = timedelta(days=90)
FORGET_BATCH_MAX = 1000

_PURPOSE = b"paysettle.identity.look-up.v1"


class LookUpsLimited(DomainError):
    """The person has looked for as many parties as one may within an hour or a day."""

    code = "lookups_limited"
    status = 429
    title = "You have looked for many parties in a short time: wait before you look for another."
    retryable = True


def run(*, by: Caller, kind: LookUpKind, asked: str, search: Callable[[], T | None]) -> T:
    """Return what a search finds, and record that it was made. Raises LookUpsLimited, and NotFound for None.

    `asked` says what was asked for; `search` only reads, and takes as long for nothing as for something.
    """
    digest = addresses.keyed_digest(_PURPOSE, f"{kind.value} {asked}")

    def work(tx: Transaction) -> T | None:
        _lock(by.person_id)
        now = tx.read_clock()
        _check_pace(by.person_id, now)
        found = search()
        LookUp.objects.create(
            user_id=by.person_id,
            party_id=by.party_id,
            kind=kind,
            asked=digest,
            found=found is not None,
            created_at=now,
        )
        return found

    found = transactions.run(work)
    if found is None:
        raise NotFound
    return found


def _lock(user_id: UUID) -> None:
    """Let the look-ups of a person be counted one after the other."""
    User.objects.select_for_update().values_list("id").get(id=user_id)


def _check_pace(user_id: UUID, now: datetime) -> None:
    for span, most in LIMITS:
        made = LookUp.objects.filter(user_id=user_id, created_at__gt=now - span).order_by("-created_at")
        oldest = list(made.values_list("created_at", flat=True)[most - 1 : most])
        if oldest:
            raise LookUpsLimited(retry_after_s=int((oldest[0] + span - now).total_seconds()) + 1)


def forget(fence: Fence) -> bool:
    """Delete a batch of look-ups that are old; return whether there may be more."""

    def work(tx: Transaction) -> int:
        old = LookUp.objects.filter(created_at__lt=tx.read_clock() - KEPT_FOR).order_by("created_at")
        ids = list(old.values_list("id", flat=True)[:FORGET_BATCH_MAX])
        return LookUp.objects.filter(id__in=ids).delete()[0]

    return fence.run(work) == FORGET_BATCH_MAX


FORGET_OLD = Job("identity.forget_look_ups", "29 3 * * *", forget)
