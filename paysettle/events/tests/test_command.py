"""`manage.py events`: what the operator sees and can do."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from paysettle.events import consume, consumers
from paysettle.events.models import MalformedMessage
from paysettle.events.tests.listening import Listener, happen, stream
from paysettle.kernel import identifiers


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    """Register a listener, alone, for this test."""
    made = Listener()
    monkeypatch.setattr(consumers, "_registered", {made.consumer.name: made.consumer})
    return made


def _run(*words: str) -> str:
    out = StringIO()
    call_command("events", *words, stdout=out)
    return out.getvalue()


def test_parked_events_are_listed_and_redriven(listener: Listener) -> None:
    bad = stream()
    happen((bad, 1), (bad, 2))
    listener.refuses = {bad}
    consume.consume(listener.consumer, listener.events())
    assert f"{bad} position" in _run("parked")
    with pytest.raises(CommandError, match=f"{bad} stays parked"):
        _run("redrive")
    listener.refuses = set()
    assert "2 events applied" in _run("redrive", "--stream", bad)
    assert "0 events parked" in _run("parked")
    assert listener.heard() == [(bad, 1), (bad, 2)]


def test_a_strange_message_is_listed_and_discarded(listener: Listener) -> None:
    row = MalformedMessage.objects.create(
        consumer=listener.consumer.name,
        topic="a.topic",
        partition_number=1,
        message_offset=2,
        message_key=b"no stream of ours",
        raw=b"junk",
        reason="MalformedEvent",
        found_at="2026-01-01T00:00:00Z",
    )
    assert "a.topic/1@2 MalformedEvent b'junk'" in _run("parked")
    assert "0 unreadable messages" in _run("redrive")
    _run("discard", str(row.id))
    for unknown in (str(row.id), str(identifiers.new()), "nonsense"):
        with pytest.raises(CommandError, match="no such message"):
            _run("discard", unknown)


def test_replay_needs_kafka() -> None:
    with pytest.raises(CommandError, match="KAFKA_BOOTSTRAP_SERVERS is not set"):
        _run("replay", "--from", "1")


def test_replay_says_that_no_broker_answers_and_refuses_positions_that_cannot_be(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
    monkeypatch.setattr("paysettle.events.kafka.client.ANSWER_TIMEOUT_S", 0.5)
    happen((stream(), 1))
    with pytest.raises(CommandError, match="Kafka does not answer"):
        _run("replay", "--from", "1")
    with pytest.raises(CommandError, match="begin at 1"):
        _run("replay", "--from", "0")
