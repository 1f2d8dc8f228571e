"""R24: a worker that is stopped for longer than its lease and then goes on does no harm; another does its work.

A job whose effect is not harmless when done twice goes through its fence, which is shut for the late worker. Expiry of
holds needs none: each has a key of its own, so that expiring what has expired changes nothing.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from django.db import connection

from paysettle.events.models import Event
from paysettle.kernel import jobs
from paysettle.kernel.jobs import Fence, FenceShut, Job
from paysettle.kernel.models import ScheduledJob
from paysettle.ledger.models import HoldMove
from paysettle.payments.models import Payment
from paysettle.payments.operations.expiry import EXPIRE_HOLDS
from tests import paused, working
from tests.money import balance, books_are_right
from tests.moves import authorise
from tests.people import deposit, person

pytestmark = pytest.mark.money

LEASE_S = 1
LONG_AGO = timedelta(days=1)


@pytest.fixture
def counter() -> Iterator[Callable[[], int]]:
    """A table in which the job of tests counts, and what it has come to."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {paused.TABLE} (done INTEGER NOT NULL)")

    def counted() -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {paused.TABLE}")  # noqa: S608
            return int(cursor.fetchone()[0])

    yield counted
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {paused.TABLE}")
    ScheduledJob.objects.filter(name=paused.COUNTED).delete()


def test_a_late_worker_finds_its_fence_shut(counter: Callable[[], int], tmp_path: Path) -> None:
    jobs.claim(Job(paused.COUNTED, "0 0 1 1 *", lambda _fence: False))  # makes its row
    _make_due(paused.COUNTED)
    late, other = tmp_path / "late", tmp_path / "other"
    with _worker(late, "counted") as first:
        _wait((late / "resting").exists)
        first.pause()
        time.sleep(LEASE_S + 0.2)
        with _worker(other, "counted", rests=False):
            _wait(lambda: counter() == 1)
            _wait(lambda: ScheduledJob.objects.filter(name=paused.COUNTED, last_done_at__isnull=False).exists())
        done = ScheduledJob.objects.get(name=paused.COUNTED)
        (late / "go").write_text("")
        first.resume()
        _wait(lambda: "job_taken_over" in first.log.read_text())
    assert counter() == 1
    after = ScheduledJob.objects.get(name=paused.COUNTED)
    assert (after.token, after.next_run_at, after.last_error) == (done.token, done.next_run_at, "")


def test_control_without_its_fence_the_job_is_done_twice(counter: Callable[[], int]) -> None:
    """With the look at the token gone, the claim that was lost still counts."""
    job = Job(paused.COUNTED, "0 0 1 1 *", lambda _fence: False)
    jobs.claim(job)
    fences = []
    for _ in range(2):
        _make_due(paused.COUNTED)
        fence = jobs.claim(job)
        assert fence is not None
        fences.append(fence)
    late, current = fences
    current.run(lambda _tx: paused.count())
    with pytest.raises(FenceShut):
        late.run(lambda _tx: paused.count())
    assert counter() == 1
    with patch.object(Fence, "check", lambda _fence, _tx: None):
        late.run(lambda _tx: paused.count())
    assert counter() == 2


def test_a_hold_expires_once_although_two_workers_expire_it(tmp_path: Path) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 1000)
    ids = [authorise(ana, ben, 10, hold_for=timedelta(0)).document()["id"] for _ in range(20)]
    jobs.claim(EXPIRE_HOLDS)
    _make_due(EXPIRE_HOLDS.name)
    late = tmp_path / "late"
    with _worker(late, "expiry") as first:
        _wait((late / "resting").exists)
        first.pause()
        time.sleep(LEASE_S + 0.2)
        assert balance(ana) == 1000
        with working.running("jobs"):
            _wait(lambda: not Payment.objects.filter(payer_id=ana.party_id, state="authorised").exists())
        versions = dict(Payment.objects.filter(payer_id=ana.party_id).values_list("id", "version"))
        (late / "go").write_text("")
        first.resume()
        _wait((late / "done").exists)  # it expires again what it saw
    assert versions == dict(Payment.objects.filter(payer_id=ana.party_id).values_list("id", "version"))
    for payment in ids:
        events = list(Event.objects.filter(stream=payment).values_list("type", flat=True))
        assert sorted(events) == ["paysettle.payment.authorised.v1", "paysettle.payment.expired.v1"]
    holds = Payment.objects.filter(payer_id=ana.party_id).values("hold_id")
    assert HoldMove.objects.filter(hold_id__in=holds, kind="expired").count() == len(ids)
    books_are_right(ana, ben)


class _Paused(working.Worker):
    """A worker that rests in the middle of a job."""

    def __init__(self, folder: Path, job: str) -> None:
        super().__init__()
        folder.mkdir()
        self._command = [sys.executable, "-m", "tests.paused", str(folder), job]
        self.log = folder / "log"


@contextmanager
def _worker(folder: Path, job: str, *, rests: bool = True) -> Iterator[working.Worker]:
    worker = _Paused(folder, job)
    if not rests:
        (folder / "go").write_text("")
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def _make_due(name: str) -> None:
    row = ScheduledJob.objects.get(name=name)
    past = row.held_until - LONG_AGO
    ScheduledJob.objects.filter(name=name).update(next_run_at=past, held_until=past)


def _wait(until: Callable[[], bool], *, timeout_s: float = 20) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not until():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.02)
