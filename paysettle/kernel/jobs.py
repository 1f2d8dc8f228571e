"""Work that comes round by itself: expired holds, old keys, tokens nobody can use any more.

A **Job** has a name, a schedule (cron, UTC) and a function that does a bounded piece of work. Slices register theirs.
Several workers may run: a job is claimed by compare-and-swap on its token, for as long as its lease lasts by the
database's time. A worker that was stopped for longer than the lease finds its **Fence** shut: every transaction of a
job that is not harmless when done twice goes through `Fence.run`, which checks the token inside that transaction.
A job that fails is tried again, more and more slowly, and its schedule goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from cronsim import CronSim
from django.conf import settings

from paysettle.kernel import transactions
from paysettle.kernel.models import ScheduledJob
from paysettle.kernel.transactions import Transaction

T = TypeVar("T")

BACKOFF_S = 5
BACKOFF_S_MAX = 600

_log = structlog.get_logger(__name__)


class FenceShut(Exception):
    """Another worker has taken the job over; what was done under the old claim is rolled back."""


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to do a job, until another worker takes it."""

    name: str
    token: int

    def run(self, work: Callable[[Transaction], T]) -> T:
        """Run a transaction of the job, and prolong the claim in it. Raises FenceShut, and then nothing is done."""

        def fenced(tx: Transaction) -> T:
            self.check(tx)
            return work(tx)

        return transactions.run(fenced)

    def check(self, tx: Transaction) -> None:
        """Prolong the claim; raise FenceShut if it is another worker's."""
        until = tx.read_clock() + timedelta(seconds=settings.WORKER_LEASE_S)
        mine = ScheduledJob.objects.filter(name=self.name, token=self.token)
        if not mine.update(held_until=until):
            raise FenceShut(self.name)


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work: `run` does some of it and returns whether there is more to do right away."""

    name: str
    schedule: str
    run: Callable[[Fence], bool]


_jobs: dict[str, Job] = {}


def register(*jobs: Job) -> None:
    """Add the jobs of a slice."""
    _jobs.update({job.name: job for job in jobs})


def registered() -> list[Job]:
    """Return all jobs, by name."""
    return [_jobs[name] for name in sorted(_jobs)]


class JobRunner:
    """Does what is due; a part of the worker."""

    name = "jobs"

    def step(self) -> bool:
        """Do one piece of each due job, so that none waits for all of another; return whether there may be more."""
        busy = False
        for job in _seemingly_due():
            fence = claim(job)
            if fence is not None:
                _do(job, fence)
                busy = True
        return busy

    def close(self) -> None:
        """Nothing is held between steps."""


def _seemingly_due() -> list[Job]:
    """Return the jobs that one look finds due or new; whether they are says `claim`, which is too much to ask idly."""

    def look(tx: Transaction) -> set[str]:
        now = tx.read_clock()
        rows = ScheduledJob.objects.values_list("name", "next_run_at", "held_until")
        return {name for name, next_run_at, held_until in rows if _waits(next_run_at, held_until, now)}

    waiting = transactions.run(look)
    return [job for job in registered() if job.name not in waiting]


def _waits(next_run_at: datetime, held_until: datetime, now: datetime) -> bool:
    """Tell whether a job is not due yet, or is somebody's."""
    return next_run_at > now or held_until > now


def claim(job: Job) -> Fence | None:
    """Claim a job that is due and nobody's; None if it is not. A job that is new becomes due at once."""

    def work(tx: Transaction) -> Fence | None:
        now = tx.read_clock()
        row = ScheduledJob.objects.filter(name=job.name).first()
        if row is None:
            new = ScheduledJob(name=job.name, next_run_at=now, held_until=now)
            ScheduledJob.objects.bulk_create([new], ignore_conflicts=True)  # another worker may have seen it, too
            return None
        if _waits(row.next_run_at, row.held_until, now):
            return None
        until = now + timedelta(seconds=settings.WORKER_LEASE_S)
        mine = ScheduledJob.objects.filter(name=job.name, token=row.token)
        taken = mine.update(token=row.token + 1, held_until=until, attempts=row.attempts + 1)
        return Fence(job.name, row.token + 1) if taken else None

    return transactions.run(work)


def _do(job: Job, fence: Fence) -> None:
    try:
        more = job.run(fence)
    except FenceShut:
        _log.warning("job_taken_over", job=job.name)
    except Exception as error:
        _log.exception("job_failed", job=job.name)
        _after(fence, lambda now, attempts: now + _backoff(attempts), error=type(error).__name__)
    else:
        _after(fence, lambda now, _: now if more else next(CronSim(job.schedule, now)), error="")


def _after(fence: Fence, next_run_at: Callable[[datetime, int], datetime], *, error: str) -> None:
    """Give the claim back and set the next time; a claim that was lost is the other worker's to give back."""

    def work(tx: Transaction) -> None:
        now = tx.read_clock()
        mine = ScheduledJob.objects.filter(name=fence.name, token=fence.token)
        row = mine.first()
        if row is None:
            return
        done = {} if error else {"attempts": 0, "last_done_at": now}
        mine.update(next_run_at=next_run_at(now, row.attempts), held_until=now, last_error=error, **done)

    transactions.run(work)


def _backoff(attempts: int) -> timedelta:
    return timedelta(seconds=min(BACKOFF_S * 2 ** min(attempts - 1, 10), BACKOFF_S_MAX))
