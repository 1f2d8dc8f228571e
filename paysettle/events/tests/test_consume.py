"""Each event takes effect once, in the order of its stream; one that cannot be applied stops only its stream."""

import pytest

from paysettle.events import consume, parking, queries
from paysettle.events.envelope import RecordedEvent
from paysettle.events.tests.listening import Listener, happen, stream
from paysettle.kernel.errors import Unavailable
from paysettle.kernel.transactions import Transaction

pytestmark = pytest.mark.money


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def listener() -> Listener:
    return Listener()


def test_many_events_take_effect_in_order(listener: Listener) -> None:
    a, b = stream(), stream()
    happen((a, 1), (b, 1), (a, 2))
    consume.consume(listener.consumer, listener.events())
    assert listener.heard() == [(a, 1), (b, 1), (a, 2)]


def test_a_second_delivery_changes_nothing(listener: Listener) -> None:
    a = stream()
    happen((a, 1), (a, 2))
    events = listener.events()
    consume.consume(listener.consumer, events)
    consume.consume(listener.consumer, [*events, *events])
    assert listener.heard() == [(a, 1), (a, 2)]


def test_control_without_dedupe_rows_a_second_delivery_takes_effect_twice(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: without the dedupe row it does."""
    monkeypatch.setattr(consume, "remember", lambda *_: None)
    a = stream()
    happen((a, 1))
    for _ in range(2):
        consume.consume(listener.consumer, listener.events())
    assert listener.heard() == [(a, 1), (a, 1)]


def test_killed_between_effect_and_commit_nothing_happened_and_the_next_try_is_the_only_one(listener: Listener) -> None:
    a = stream()
    happen((a, 1))

    def die(_tx: Transaction, _last: RecordedEvent) -> None:
        raise Killed

    with pytest.raises(Killed):
        consume.consume(listener.consumer, listener.events(), then=die)
    assert listener.heard() == []
    consume.consume(listener.consumer, listener.events())
    assert listener.heard() == [(a, 1)]


def test_control_an_effect_that_commits_before_the_dedupe_row_happens_twice(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: with dedupe rows in a transaction of their own, a kill in between doubles the effect."""
    a = stream()
    happen((a, 1))

    def remember_later(*_: object) -> None:
        """Leave the dedupe row to a later transaction, before which the process is killed."""

    with monkeypatch.context() as patch:
        patch.setattr(consume, "remember", remember_later)
        consume.consume(listener.consumer, listener.events())
    consume.consume(listener.consumer, listener.events())
    assert listener.heard() == [(a, 1), (a, 1)]


def test_a_poisoned_event_parks_its_stream_and_all_others_flow(listener: Listener) -> None:
    bad, good = stream(), [stream() for _ in range(20)]
    happen(*[(name, 1) for name in good[:10]], (bad, 1), *[(name, 1) for name in good[10:]], (bad, 2))
    listener.refuses = {bad}
    consume.consume(listener.consumer, listener.events())
    assert listener.heard() == [(name, 1) for name in good]
    parked = queries.parked(listener.consumer.name)
    assert [(row.stream, row.reason) for row in parked] == [(bad, "Refused"), (bad, "StreamParked")]

    happen((bad, 3), (good[0], 2))
    consume.consume(listener.consumer, listener.events())
    assert listener.heard()[-1] == (good[0], 2)
    assert [row.stream for row in queries.parked(listener.consumer.name)] == [bad] * 3


def test_redrive_applies_a_parked_stream_in_order_each_event_once(listener: Listener) -> None:
    bad = stream()
    happen((bad, 1), (bad, 2), (bad, 3))
    listener.refuses = {bad}
    consume.consume(listener.consumer, listener.events())
    assert parking.redrive(listener.consumer).still_parked == [bad]

    listener.refuses = set()
    assert parking.redrive(listener.consumer).applied == 3
    assert parking.redrive(listener.consumer).applied == 0
    consume.consume(listener.consumer, listener.events())
    assert listener.heard() == [(bad, 1), (bad, 2), (bad, 3)]
    assert not queries.parked(listener.consumer.name)


def test_a_stream_that_was_redriven_flows_again(listener: Listener) -> None:
    bad = stream()
    happen((bad, 1))
    listener.refuses = {bad}
    consume.consume(listener.consumer, listener.events())
    listener.refuses = set()
    parking.redrive(listener.consumer, [bad])
    happen((bad, 2))
    consume.consume(listener.consumer, listener.events())
    assert listener.heard() == [(bad, 1), (bad, 2)]


def test_an_event_that_the_bus_lost_or_overtook_is_read_from_the_log(listener: Listener) -> None:
    a = stream()
    happen((a, 1), (a, 2), (a, 3))
    first, second, third = listener.events()
    consume.consume(listener.consumer, [second])
    consume.consume(listener.consumer, [third, first])
    assert listener.heard() == [(a, 1), (a, 2), (a, 3)]


def test_control_without_the_log_an_overtaken_event_takes_effect_out_of_order(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: a consumer that takes what it is given applies the second event first."""
    monkeypatch.setattr(consume, "select_fresh", lambda _tx, _consumer, events: list(events))
    a = stream()
    happen((a, 1), (a, 2))
    first, second = listener.events()
    consume.consume(listener.consumer, [second])
    consume.consume(listener.consumer, [first])
    assert listener.heard() == [(a, 2), (a, 1)]


def test_an_unknown_version_parks_its_stream(listener: Listener) -> None:
    a = stream()
    happen((a, 1), type_="paysettle.test.happened.v2")
    happen((a, 2))
    consume.consume(listener.consumer, listener.events())
    assert listener.heard() == []
    assert [row.reason for row in queries.parked(listener.consumer.name)] == ["UnknownVersion", "StreamParked"]


def test_events_of_other_types_are_passed_by(listener: Listener) -> None:
    happen((stream(), 1), type_="paysettle.test.elsewhere.v1")
    consume.consume(listener.consumer, listener.events())
    assert listener.heard() == []
    assert not queries.parked(listener.consumer.name)


def test_a_database_that_is_away_parks_nothing(listener: Listener) -> None:
    a = stream()
    happen((a, 1))

    def away(_events: object) -> None:
        raise Unavailable

    listener.before = away
    with pytest.raises(Unavailable):
        consume.consume(listener.consumer, listener.events())
    assert not queries.parked(listener.consumer.name)


def test_the_backlog_is_told(listener: Listener) -> None:
    assert queries.oldest_unhandled(listener.consumer) is None
    a, bad = stream(), stream()
    happen((bad, 1), (a, 1))
    oldest = queries.oldest_unhandled(listener.consumer)
    assert oldest is not None
    assert 0 <= oldest.age_s < 60
    listener.refuses = {bad}
    consume.consume(listener.consumer, listener.events())
    assert queries.oldest_unhandled(listener.consumer) is None  # parked is not waiting: it is counted by itself
    assert len(queries.parked(listener.consumer.name)) == 1
