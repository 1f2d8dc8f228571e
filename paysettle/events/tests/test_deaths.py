"""An event that kills the process which applies it is found and parked; the worker does not die for ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paysettle.events import deaths, queries
from paysettle.events.dispatch import Dispatcher
from paysettle.events.models import EventCursor
from paysettle.events.tests.listening import Listener, happen, stream

pytestmark = pytest.mark.shared

ROOT = Path(__file__).resolve().parents[3]

DYING = """
import os, sys
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()
from paysettle.events.consumers import Consumer
from paysettle.events.dispatch import Dispatcher
from paysettle.events.tests.listening import HAPPENED
from paysettle.events import deaths

name, deadly, deaths.STARTS_MAX = sys.argv[1], sys.argv[2], int(sys.argv[3])

def handle(tx, events):
    for event in events:
        if event.stream == deadly:
            os._exit(9)
        tx.insert("test_heard", ("listener", "stream", "version"), [(name, event.stream, event.stream_version)])

dispatcher = Dispatcher(Consumer(name=name, types=frozenset({HAPPENED}), handle=handle))
while dispatcher.step():
    pass
dispatcher.close()
"""


def _run(listener: Listener, deadly: str, *, starts_max: int = deaths.STARTS_MAX) -> int:
    EventCursor.objects.filter(name=listener.consumer.name).update(held_until=None)  # do not wait for the dead's lease
    command = [sys.executable, "-W", "error", "-c", DYING, listener.consumer.name, deadly, str(starts_max)]
    return subprocess.run(command, cwd=ROOT, env=dict(os.environ), timeout=30, check=False).returncode  # noqa: S603


def test_an_event_that_kills_its_process_is_parked_and_all_others_flow() -> None:
    listener = Listener()
    deadly, others = stream(), [stream() for _ in range(4)]
    happen((others[0], 1), (others[1], 1), (deadly, 1), (others[2], 1), (deadly, 2), (others[3], 1))
    codes: list[int] = []
    while not codes or codes[-1] != 0:
        codes.append(_run(listener, deadly))
        assert len(codes) < 10, "the worker dies for ever"
    assert codes == [9] * (deaths.STARTS_MAX + 1) + [0]
    assert listener.heard() == [(name, 1) for name in others]
    assert [row.reason for row in queries.parked(listener.consumer.name)] == ["ProcessDied", "StreamParked"]
    cursor = EventCursor.objects.get(name=listener.consumer.name)
    assert (cursor.starts, cursor.suspect) == (0, 0)


def test_control_a_reader_that_never_becomes_careful_dies_for_ever() -> None:
    """The test above can fail: without the count of starts every start ends like the one before."""
    listener = Listener()
    deadly, other = stream(), stream()
    happen((other, 1), (deadly, 1))
    assert {_run(listener, deadly, starts_max=1000) for _ in range(deaths.STARTS_MAX + 3)} == {9}
    assert listener.heard() == []


@pytest.mark.money
def test_readers_that_end_well_are_not_suspected() -> None:
    listener = Listener()
    for _ in range(deaths.STARTS_MAX + 2):
        happen((stream(), 1))
        dispatcher = Dispatcher(listener.consumer)
        dispatcher.step()
        dispatcher.close()
    assert EventCursor.objects.get(name=listener.consumer.name).starts == 0
    assert len(listener.heard()) == deaths.STARTS_MAX + 2
