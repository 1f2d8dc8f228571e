"""Dedupe rows are forgotten when they are old and handled, and what was applied is not applied again, ever."""

import itertools
from datetime import timedelta

import pytest

from paysettle.events import consume, cursors, parking, queries, retention
from paysettle.events.models import ConsumedEvent, EventCursor
from paysettle.events.tests.listening import Listener, happen, stream
from paysettle.kernel import jobs
from paysettle.kernel.jobs import Fence, FenceShut, Job
from paysettle.kernel.models import ScheduledJob

pytestmark = pytest.mark.money

_numbers = itertools.count(1)


@pytest.fixture
def listener() -> Listener:
    """A listener that has forgotten what was before it."""
    made = Listener()
    EventCursor.objects.filter(name=made.consumer.name).update(forgotten=queries.head())
    return made


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything be old: the log cannot be changed."""
    monkeypatch.setattr(retention, "KEPT_FOR", -timedelta(hours=1))


def fence() -> Fence:
    made = Job(f"test.forget.{next(_numbers)}", "* * * * *", lambda _fence: False)
    assert jobs.claim(made) is None  # the first look only notes it
    found = jobs.claim(made)
    assert found is not None
    return found


def handle(listener: Listener) -> None:
    """Let the listener come to the end of the log."""
    consume.consume(listener.consumer, listener.events())
    cursors.raise_to(listener.consumer.name, queries.head())


def forget(listener: Listener) -> int:
    """Forget all that may be forgotten; return how many pieces it took."""
    held, pieces = fence(), 0
    while retention.forget_consumed_by(held, listener.consumer.name):
        pieces += 1
    return pieces


def rows(listener: Listener) -> int:
    return ConsumedEvent.objects.filter(consumer=listener.consumer.name).count()


@pytest.mark.usefixtures("old")
def test_what_is_forgotten_is_not_applied_again(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_MAX", 2)
    a, b = stream(), stream()
    happen((a, 1), (b, 1), (a, 2), (b, 2), (a, 3))
    events = listener.events()
    handle(listener)
    before = listener.heard()
    assert rows(listener) == 5
    assert forget(listener) >= 3
    assert rows(listener) == 0
    consume.consume(listener.consumer, events)  # Kafka delivers all of it again
    happen((a, 4))
    handle(listener)  # and the stream goes on
    assert listener.heard() == [*before, (a, 4)]
    assert rows(listener) == 1


@pytest.mark.usefixtures("old")
def test_control_with_the_rows_alone_gone_a_stream_that_goes_on_is_applied_again(listener: Listener) -> None:
    """The test above can fail: without the position that took their place, rows cannot be deleted however old."""
    a = stream()
    begun = queries.head()
    happen((a, 1), (a, 2))
    handle(listener)
    forget(listener)
    EventCursor.objects.filter(name=listener.consumer.name).update(forgotten=begun)
    happen((a, 3))
    handle(listener)
    assert listener.heard() == [(a, 1), (a, 2), (a, 1), (a, 2), (a, 3)]


def test_what_is_young_is_kept(listener: Listener) -> None:
    happen((stream(), 1))
    handle(listener)
    assert forget(listener) == 0
    assert rows(listener) == 1


@pytest.mark.usefixtures("old")
def test_what_the_cursor_has_not_passed_is_kept(listener: Listener) -> None:
    """An event that the bus brought before others: those are still to come."""
    a, b = stream(), stream()
    happen((a, 1), (b, 1))
    events = listener.events()
    consume.consume(listener.consumer, [events[1]])
    assert forget(listener) == 0
    assert rows(listener) == 1
    handle(listener)
    assert listener.heard() == [(b, 1), (a, 1)]


@pytest.mark.usefixtures("old")
def test_what_is_parked_is_still_applied_once(listener: Listener) -> None:
    bad, good = stream(), stream()
    happen((good, 1), (bad, 1), (good, 2), (bad, 2))
    listener.refuses = {bad}
    handle(listener)
    forget(listener)
    assert rows(listener) == 1  # what lies behind the parked event
    listener.refuses = set()
    assert parking.redrive(listener.consumer).applied == 2
    assert sorted(listener.heard()) == sorted([(good, 1), (good, 2), (bad, 1), (bad, 2)])
    forget(listener)
    assert rows(listener) == 0
    happen((bad, 3))
    handle(listener)
    assert listener.heard()[-1] == (bad, 3)
    assert len(listener.heard()) == 5


@pytest.mark.usefixtures("old")
def test_a_worker_that_comes_late_forgets_nothing(listener: Listener) -> None:
    happen((stream(), 1))
    handle(listener)
    late = fence()
    ScheduledJob.objects.filter(name=late.name).update(token=late.token + 1)
    with pytest.raises(FenceShut):
        retention.forget_consumed_by(late, listener.consumer.name)
    assert rows(listener) == 1
