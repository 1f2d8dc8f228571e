"""A lane that is as busy as it can be leaves room for the worker, and an item is answered before its deadline.

On SQLite server and worker share one lock, and SQLite's busy handler polls: it promises nobody a turn. On MariaDB and
MySQL two lanes meet in one hot account.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.conf import settings
from django.db import connections

from paysettle.kernel import transactions
from paysettle.kernel.models import ScheduledJob
from paysettle.notifications.models import InboxEntry
from paysettle.payments.models import Payment
from tests import working
from tests.held import commits_held
from tests.money import books_are_right
from tests.people import Person, deposit, person
from tests.plugin import KIND
from tests.safety.load import MixedLoad, Sent
from tests.server import Client, Server

pytestmark = pytest.mark.money

LOAD_S = 60 if os.environ.get("TEST_LONG") else 3
JOB = "tests.busy"
WRITES_LEAST_PER_S = 3
CLIENTS = 12
"""So many that both processes get some of them."""


@pytest.mark.skipif(KIND != "sqlite", reason="only SQLite has one lock for all")
def test_the_worker_is_not_starved_by_a_busy_lane(server: Server, tell: Callable[[str], None]) -> None:
    people = [person(name) for name in ("ana", "ben", "cem")]
    for who in people:
        deposit(who, 10**6)
    load = MixedLoad(server.address, people, actions=["pay"])
    with working.running("dispatch"), load.running():
        load.wait_for(50)
        _wait(lambda: _told(people) > 0)
        told_before, paid_before = _told(people), load.acknowledged
        took = _writes(LOAD_S)
        told, paid = _told(people) - told_before, load.acknowledged - paid_before
    tell(
        f"{paid} payments, {told} told of them, {len(took)} writes of a worker beside them in {LOAD_S} s;"
        f" one took {_portion(took, 50) * 1000:.0f} ms (median), {_portion(took, 99) * 1000:.0f} ms (p99)"
    )
    assert paid > 0
    assert told > 0
    _assert_not_starved(took, LOAD_S)
    books_are_right(*people)


@pytest.mark.skipif(KIND != "sqlite", reason="only SQLite has one lock for all")
def test_control_a_lock_that_is_never_given_back_starves_the_worker() -> None:
    """While somebody keeps the one lock not one write ends, in a time in which there would be many."""

    def writes() -> list[float]:
        try:
            return _writes(1)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with commits_held():
            took = pool.submit(writes)
            with pytest.raises(TimeoutError):
                took.result(timeout=2)
        with pytest.raises(AssertionError):
            _assert_not_starved(took.result(), 1)
    _assert_not_starved(_writes(1), 1)


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite has one lane")
def test_two_lanes_on_one_hot_account_lose_no_item_and_keep_their_deadlines(
    server: Server, tell: Callable[[str], None]
) -> None:
    people = [person("ana") for _ in range(CLIENTS)]
    shop = person("shop")
    for who in people:
        deposit(who, 10**6)
    load = MixedLoad(server.address, people, actions=["pay"], payee=shop)
    with load.running():
        time.sleep(LOAD_S)
    _assert_kept(load.sent, shop)
    _assert_all_lanes_ran(server)
    slowest = max(one.took_s for one in load.sent)
    tell(f"{len(load.sent)} payments to one account in {LOAD_S} s through two lanes, the slowest in {slowest:.2f} s")
    books_are_right(*people, shop)


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite has one lane")
@pytest.mark.parametrize("fault", ["lost", "late", "unanswered"])
def test_control_an_item_that_is_lost_or_late_is_seen(server: Server, fault: str) -> None:
    """One payment that is not there, took too long or had no answer: what is asserted above does not hold."""
    ana, ben, shop = person("ana"), person("ben"), person("shop")
    deposit(ana, 100)
    deposit(ben, 100)
    load = MixedLoad(server.address, [ana, ben], actions=["pay"], payee=shop)
    with load.running():
        load.wait_for(2)
    _assert_kept(load.sent, shop)
    one = load.sent[0]
    planted = {
        "lost": replace(one),
        "late": replace(one, took_s=settings.LANE_DEADLINE_S + 1.0),
        "unanswered": replace(one, reply=None),
    }
    rest = load.sent if fault == "lost" else load.sent[1:]
    with pytest.raises(AssertionError):
        _assert_kept([planted[fault], *rest], shop)


def _assert_kept(sent: list[Sent], payee: Person) -> None:
    """Fail unless each payment was answered before its deadline and is there."""
    assert {one.reply and one.reply.status for one in sent} == {201}
    assert max(one.took_s for one in sent) < settings.LANE_DEADLINE_S
    assert Payment.objects.filter(payee_id=payee.party_id).count() == len(sent)


def _assert_all_lanes_ran(server: Server) -> None:
    """Fail unless each process has started its lane, which it does with its first payment."""
    lanes = {Client(server.address).get("/readyz").document["parts"]["lane"] for _ in range(30)}
    assert lanes == {"alive"}


def _assert_not_starved(took: list[float], in_s: float) -> None:
    """Fail unless there were writes enough, none of which had to wait as long as a request may."""
    assert len(took) >= WRITES_LEAST_PER_S * in_s
    assert _portion(took, 99) < settings.LANE_DEADLINE_S


def _portion(took: list[float], percent: int) -> float:
    return sorted(took)[len(took) * percent // 100]


def _writes(for_s: float) -> list[float]:
    """Write as a worker would, as often as it goes; return how long each took."""

    def write(tx: transactions.Transaction) -> None:
        now = tx.read_clock()
        ScheduledJob.objects.update_or_create(name=JOB, defaults={"next_run_at": now, "held_until": now})

    took = []
    end_at = time.monotonic() + for_s
    while time.monotonic() < end_at:
        began = time.monotonic()
        transactions.run(write)
        took.append(time.monotonic() - began)
        time.sleep(0.02)
    ScheduledJob.objects.filter(name=JOB).delete()
    return took


def _told(people: list[Person]) -> int:
    return InboxEntry.objects.filter(recipient_id__in=[who.party_id for who in people]).count()


def _wait(until: Callable[[], bool], *, timeout_s: float = 20) -> None:
    give_up_at = time.monotonic() + timeout_s
    while not until():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.02)
