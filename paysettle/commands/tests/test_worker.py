"""The worker as a process: killed while it drains, ended by a signal, and parts that fail alone."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from paysettle.commands import worker
from paysettle.kernel.lane import lane
from paysettle.notifications.models import InboxEntry, MailState, OutgoingMail
from paysettle.payments.operations.send import send_payment
from tests import working
from tests.people import Person, deposit, payment_order, person

pytestmark = pytest.mark.shared

ROOT = Path(__file__).resolve().parents[3]


def _start(*only: str, **environment: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "manage.py", "worker", "--only", ",".join(only)]
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        cwd=ROOT,
        env={**os.environ, "WORKER_LEASE_S": "1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _told(who: Person) -> int:
    return InboxEntry.objects.filter(recipient_id=who.party_id).count()


def _wait_for_more(who: Person, than: int, *, timeout_s: float = 30) -> None:
    give_up_at = time.monotonic() + timeout_s
    while _told(who) <= than:
        assert time.monotonic() < give_up_at, "the worker tells nobody anything"
        time.sleep(0.01)


@pytest.mark.money
def test_killed_while_it_drains_each_payee_is_told_exactly_once() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10_000_000)
    orders = [payment_order(ana, ben, number + 1) for number in range(2500)]
    for future in [lane.submit(send_payment, order) for order in orders]:
        future.result(60)
    kills = 0
    while kills < 3 and (before := _told(ben)) < len(orders):
        process = _start("dispatch")
        _wait_for_more(ben, before)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        kills += 1
    time.sleep(1.1)  # the lease of the last one ends
    working.catch_up("dispatch")
    assert kills >= 2, "the worker was never killed on the way"
    assert _told(ben) == len(orders)
    distinct = InboxEntry.objects.filter(recipient_id=ben.party_id).values("event_id").distinct().count()
    assert distinct == len(orders)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_within_seconds(number: signal.Signals) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5000)
    process = _start("dispatch", "mail")
    lane.call(send_payment, payment_order(ana, ben, 100))
    _wait_for_more(ben, 0)
    started = time.monotonic()
    process.send_signal(number)
    assert process.wait(10) == 0
    assert time.monotonic() - started < 5
    worker.run_until_idle(5, ["dispatch"])  # it gave its lease back: nobody waits for its end


class _Part:
    def __init__(self, name: str, fails: int) -> None:
        self.name = name
        self.fails = fails
        self.steps = 0
        self.closed = 0

    def step(self) -> bool:
        self.steps += 1
        if self.steps <= self.fails:
            raise RuntimeError("planted")
        return False

    def close(self) -> None:
        self.closed += 1


def test_a_part_that_fails_ends_neither_itself_nor_others(monkeypatch: pytest.MonkeyPatch) -> None:
    failing, well = _Part("failing", 2), _Part("well", 0)
    monkeypatch.setattr(worker, "PARTS", {"a": lambda: [failing], "b": lambda: [well]})
    timer = threading.Timer(1.5, os.kill, [os.getpid(), signal.SIGTERM])
    timer.start()
    worker.run(["a", "b"])
    timer.join()
    assert failing.steps > 2
    assert failing.closed >= 3  # after each failure and at the end
    assert 2 <= well.steps < 30  # it waits between steps
    assert well.closed == 1


def test_a_part_that_this_installation_has_not_is_refused() -> None:
    with pytest.raises(CommandError, match="has no part 'relay'"):
        call_command("worker", "--only", "relay")


def test_without_a_migrated_database_it_says_so_in_one_sentence(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "manage.py", "worker"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'empty.sqlite3'}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert found.returncode == 1
    assert found.stderr.startswith("CommandError: ")
    assert len(found.stderr.strip().splitlines()) == 1


def test_a_broker_that_is_down_holds_up_nothing_else(tmp_path: Path) -> None:
    OutgoingMail.objects.filter(state=MailState.WAITING).update(state=MailState.SKIPPED)  # of other tests
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5000)
    lane.call(send_payment, payment_order(ana, ben, 100))
    working.catch_up("dispatch")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker"],
        cwd=ROOT,
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "EMAIL_URL": f"file://{tmp_path}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    give_up_at = time.monotonic() + 30
    while not any(ben.email in path.read_text() for path in tmp_path.glob("*.eml")):
        assert time.monotonic() < give_up_at, "no mail while Kafka is down"
        time.sleep(0.05)
    time.sleep(6)  # long enough for the first attempts to fail
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=12)
    assert process.returncode == 0
    assert b"BrokerDown" in out
    assert len(out.splitlines()) < 20  # not twenty lines a second
    assert err == b""
