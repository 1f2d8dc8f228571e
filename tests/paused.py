"""`python -m tests.paused FOLDER JOB`: a worker that rests in the middle of a job, where a test can stop it.

JOB is `counted`, a job of tests whose one effect is not harmless when done twice and goes through its fence; or
`expiry`, which rests between seeing what is due and expiring it. It writes its arrival into `FOLDER/resting` and goes
on when there is `FOLDER/go`; `expiry` writes `FOLDER/done` when it has expired what it saw.
"""

import sys
import time
from datetime import datetime
from pathlib import Path
from uuid import UUID

import django
from django.db import connection

REST_S_MAX = 60
COUNTED = "tests.counted"
TABLE = "tests_counted"


def rest(folder: Path) -> None:
    """Say that we have arrived, and wait until we may go on."""
    (folder / "resting").write_text("")
    give_up_at = time.monotonic() + REST_S_MAX
    while not (folder / "go").exists() and time.monotonic() < give_up_at:
        time.sleep(0.01)


def count() -> None:
    """Do what must be done once."""
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} (done) VALUES (1)")  # noqa: S608


def main(folder: Path, job: str) -> None:
    """Run a worker whose part is the jobs, one of them with a rest in it."""
    django.setup()
    from paysettle.commands import worker
    from paysettle.kernel import jobs
    from paysettle.kernel.jobs import Fence, Job
    from paysettle.ledger import queries
    from paysettle.payments.operations import expiry

    def counted(fence: Fence) -> bool:
        rest(folder)
        fence.run(lambda _tx: count())
        return False

    look = queries.due_holds

    def due_holds(at: datetime, *, limit: int) -> list[UUID]:
        found = look(at, limit=limit)
        rest(folder)
        return found

    expire = expiry.expire_due

    def expire_due() -> int:
        expired = expire()
        (folder / "done").write_text("")
        return expired

    if job == "counted":
        jobs.register(Job(COUNTED, "0 0 1 1 *", counted))
    else:
        queries.due_holds = due_holds
        expiry.expire_due = expire_due
    worker.run(["jobs"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
