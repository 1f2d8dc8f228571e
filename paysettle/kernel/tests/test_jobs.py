"""Scheduled jobs: due, claimed once, fenced, tried again; and the retention of keys."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from paysettle.kernel import jobs, transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.jobs import Fence, FenceShut, Job, JobRunner
from paysettle.kernel.models import IdempotencyKey, ScheduledJob
from paysettle.kernel.retention import KEPT_FOR, forget_old_answers
from tests.people import deposit, pay, person

pytestmark = pytest.mark.money

_numbers = itertools.count(1)


def job(run: Any = lambda _fence: False) -> Job:
    """Return a new job that is due now, and then once a year."""
    made = Job(f"test.{next(_numbers)}", "0 0 1 1 *", run)
    assert jobs.claim(made) is None  # the first look only notes it
    return made


def row(of: Job) -> ScheduledJob:
    return ScheduledJob.objects.get(name=of.name)


def run(these: list[Job], monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(jobs, "_jobs", {one.name: one for one in these})
    return JobRunner().step()


def test_a_due_job_is_done_and_then_waits_for_its_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Fence] = []

    def note(fence: Fence) -> bool:
        done.append(fence)
        return False

    one = job(note)
    assert run([one], monkeypatch) is True
    assert run([one], monkeypatch) is False
    assert len(done) == 1
    found = row(one)
    assert found.last_done_at is not None
    assert found.next_run_at > found.last_done_at
    assert (found.attempts, found.last_error) == (0, "")


def test_a_job_that_nobody_knows_yet_becomes_due_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Job(f"test.{next(_numbers)}", "0 0 1 1 *", lambda _fence: False)
    assert [run([new], monkeypatch) for _ in range(3)] == [False, True, False]
    assert row(new).last_done_at is not None


def test_who_has_nothing_to_do_looks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many jobs there are. Control: each that is due is looked at by itself."""
    made = [job() for _ in range(5)]
    looks: list[object] = []
    do = transactions.run

    def noted(work: Any) -> Any:
        looks.append(work)
        return do(work)

    monkeypatch.setattr(transactions, "run", noted)
    while run(made, monkeypatch):
        pass
    looks.clear()
    assert run(made, monkeypatch) is False
    assert len(looks) == 1
    monkeypatch.setattr(jobs, "_seemingly_due", jobs.registered)
    assert run(made, monkeypatch) is False
    assert len(looks) == 6


def test_a_job_with_more_to_do_goes_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter([True, True, False])
    one = job(lambda _fence: next(left))
    assert [run([one], monkeypatch) for _ in range(4)] == [True, True, True, False]


def test_a_job_with_more_to_do_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    long, short = job(lambda _fence: True), job()
    assert run([long, short], monkeypatch) is True
    assert row(short).last_done_at is not None


def test_a_claimed_job_is_nobody_elses() -> None:
    one = job()
    assert jobs.claim(one) is not None
    assert jobs.claim(one) is None


def test_a_job_that_fails_is_tried_again_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_fence: Fence) -> bool:
        raise ValueError

    one = job(fails)
    assert run([one], monkeypatch) is True
    first = row(one)
    assert (first.attempts, first.last_error) == (1, "ValueError")
    ScheduledJob.objects.filter(name=one.name).update(next_run_at=first.held_until)
    assert run([one], monkeypatch) is True
    second = row(one)
    assert second.attempts == 2
    assert second.next_run_at - second.held_until > first.next_run_at - first.held_until


def late(one: Job) -> tuple[Fence, Fence]:
    """Return the fence of a worker that slept past its lease, and that of the one that took over."""
    sleeper = jobs.claim(one)
    assert sleeper is not None
    found = row(one)
    ScheduledJob.objects.filter(name=one.name).update(held_until=found.held_until - timedelta(hours=1))
    other = jobs.claim(one)
    assert other is not None
    return sleeper, other


def test_a_worker_that_comes_late_finds_its_fence_shut() -> None:
    one = job()
    sleeper, other = late(one)
    ran: list[str] = []
    with pytest.raises(FenceShut):
        sleeper.run(lambda _tx: ran.append("sleeper"))
    other.run(lambda _tx: ran.append("other"))
    assert ran == ["other"]


def test_control_without_the_token_the_late_worker_does_it_again() -> None:
    """Control: a transaction that does not ask the fence runs although another worker has taken over."""
    one = job()
    late(one)
    ran: list[str] = []
    transactions.run(lambda _tx: ran.append("sleeper"))
    assert ran == ["sleeper"]


def test_old_answers_are_dropped_and_successes_never_repeated() -> None:
    ana, ben = person("ana"), person("ben")
    refused = pay(ana, ben, 10, key="refused")
    deposit(ana, 100)
    paid = pay(ana, ben, 10, key="paid")
    young = pay(ana, ben, 10, key="young")
    mine = IdempotencyKey.objects.filter(party_id=ana.party_id)
    old = [key.pk for key in mine if key.request_id in {refused.request_id, paid.request_id}]
    for digest, party_id, operation in old:
        rows = mine.filter(digest=digest, party_id=party_id, operation=operation)
        rows.update(created_at=rows[0].created_at - KEPT_FOR - timedelta(minutes=1))
    fence = jobs.claim(job())
    assert fence is not None
    while forget_old_answers(fence):
        pass
    with pytest.raises(DomainError) as expired:
        pay(ana, ben, 10, key="paid")
    assert (expired.value.code, expired.value.status) == ("idempotency_key_expired", 409)
    assert expired.value.members["object_id"] == paid.document()["id"]
    assert pay(ana, ben, 10, key="young").text == young.text
    assert pay(ana, ben, 10, key="refused").status == 201  # a refusal's key is free again
