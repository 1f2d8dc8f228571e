"""The bus in this process: nothing is passed by, and two workers at once do no harm."""

import threading
from collections.abc import Sequence
from functools import partial

import pytest
from django.db import connection, connections

from paysettle.events import consume, cursors, queries
from paysettle.events.consumers import Consumer
from paysettle.events.cursors import Lease, LeaseLost
from paysettle.events.dispatch import Dispatcher
from paysettle.events.envelope import RecordedEvent
from paysettle.events.models import Event, EventCursor
from paysettle.events.tests.listening import HAPPENED, Listener, happen, stream
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.transactions import Transaction

pytestmark = pytest.mark.money


@pytest.fixture
def listener() -> Listener:
    return Listener()


def _drain(consumer: Consumer) -> None:
    dispatcher = Dispatcher(consumer)
    while dispatcher.step():
        pass
    dispatcher.close()


def test_the_log_is_drained_in_order_and_the_cursor_stands_at_its_end(listener: Listener) -> None:
    names = [stream() for _ in range(700)]
    happen(*[(name, 1) for name in names])
    _drain(listener.consumer)
    assert listener.heard() == [(name, 1) for name in names]
    assert queries.cursor_position(listener.consumer.name) == queries.head()


def test_a_poisoned_event_moves_the_cursor_on(listener: Listener) -> None:
    bad, good = stream(), stream()
    happen((bad, 1), (good, 1))
    listener.refuses = {bad}
    _drain(listener.consumer)
    assert listener.heard() == [(good, 1)]
    assert queries.cursor_position(listener.consumer.name) == queries.head()


def test_an_event_whose_id_is_older_but_which_commits_later_is_heard(listener: Listener) -> None:
    first, second = _commit_in_reverse(listener)
    assert listener.heard() == [(second, 1), (first, 1)]


def test_control_a_cursor_over_ids_passes_by_what_commits_late(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: a reader that asks for ids after the last one it saw never hears the late event."""
    seen: list[bytes] = [identifiers.new().bytes]

    def after_id(_position: int, *, limit: int) -> list[RecordedEvent]:
        rows = Event.objects.filter(event_id__gt=seen[-1], type=HAPPENED).order_by("event_id")[:limit]
        seen.extend(row.event_id.bytes for row in rows)
        return [queries.by_ids([row.event_id])[row.event_id] for row in rows]

    monkeypatch.setattr(queries, "after", after_id)
    _first, second = _commit_in_reverse(listener)
    assert listener.heard() == [(second, 1)]


def _commit_in_reverse(listener: Listener) -> tuple[str, str]:
    """Let two writers make their ids in one order and commit in the other, with a reader in between."""
    first, second = stream(), stream()
    older, newer = identifiers.new(), identifiers.new()
    for event_id, name in ((newer, second), (older, first)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("paysettle.events.tests.listening.identifiers.new", lambda event_id=event_id: event_id)
            happen((name, 1))
        _drain(listener.consumer)
    return first, second


def test_two_dispatchers_at_once_do_no_harm(listener: Listener) -> None:
    names = [stream() for _ in range(1200)]
    happen(*[(name, 1) for name in names])
    faults: list[BaseException] = []

    def work() -> None:
        dispatcher = Dispatcher(listener.consumer)
        try:
            while queries.cursor_position(listener.consumer.name) < queries.head():
                dispatcher.step()
            dispatcher.close()
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert sorted(listener.heard()) == sorted((name, 1) for name in names)


def test_a_lease_is_held_by_one_and_ends_by_the_databases_time(listener: Listener) -> None:
    name = listener.consumer.name
    lease = cursors.take(name)
    assert lease is not None
    assert cursors.take(name) is None
    assert cursors.take(name, held=lease) is not None  # its holder may renew it
    _let_it_end(name)
    assert cursors.take(name) is not None


def test_a_released_lease_is_free_at_once(listener: Listener) -> None:
    lease = cursors.take(listener.consumer.name)
    assert lease is not None
    cursors.release(lease)
    assert cursors.take(listener.consumer.name) is not None


def test_a_worker_that_slept_through_the_end_of_its_lease_is_refused_with_all_it_did(listener: Listener) -> None:
    late, a, events = _overtaken(listener)
    with pytest.raises(LeaseLost):
        consume.consume(listener.consumer, events, then=partial(_advance_to_first, late, events))
    assert listener.heard() == [(a, 1), (a, 2)]
    assert queries.cursor_position(listener.consumer.name) == events[-1].position


def test_control_without_the_fencing_token_the_late_worker_takes_the_cursor_back(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: a cursor that anybody may move goes back to where the late worker stands."""

    def unfenced(tx: Transaction, lease: Lease, position: int) -> None:
        tx.execute("UPDATE event_cursor SET position = %s WHERE name = %s", [position, lease.name])

    late, _a, events = _overtaken(listener)
    monkeypatch.setattr(cursors, "advance", unfenced)
    consume.consume(listener.consumer, events, then=partial(_advance_to_first, late, events))
    assert queries.cursor_position(listener.consumer.name) == events[0].position


def _overtaken(listener: Listener) -> tuple[Lease, str, list[RecordedEvent]]:
    """Return the lease of a worker that another one has overtaken, with the events that both were to apply."""
    a = stream()
    happen((a, 1), (a, 2))
    events = listener.events()
    late = cursors.take(listener.consumer.name)
    assert late is not None
    _let_it_end(listener.consumer.name)
    _drain(listener.consumer)
    return late, a, events


def _advance_to_first(lease: Lease, events: Sequence[RecordedEvent], tx: Transaction, _last: RecordedEvent) -> None:
    cursors.advance(tx, lease, events[0].position)


def _let_it_end(name: str) -> None:
    EventCursor.objects.filter(name=name).update(held_until="2020-01-01T00:00:00Z")


def test_advance_refuses_to_go_back(listener: Listener) -> None:
    happen((stream(), 1), (stream(), 1))
    lease = cursors.take(listener.consumer.name)
    assert lease is not None
    end = queries.head()
    transactions.run(lambda tx: cursors.advance(tx, lease, end))
    with pytest.raises(LeaseLost):
        transactions.run(lambda tx: cursors.advance(tx, lease, end - 1))
    assert connection.in_atomic_block is False
