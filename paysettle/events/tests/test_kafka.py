"""The bus over Kafka, on a real broker: what dies in between is made up for, and each is still told exactly once."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer as KafkaClient
from confluent_kafka import Producer, TopicPartition

from paysettle.commands import worker
from paysettle.events import cursors, envelope, parking, queries
from paysettle.events.kafka import client, relay
from paysettle.events.kafka.relay import Relay
from paysettle.events.kafka.subscription import Subscription
from paysettle.kernel import identifiers
from paysettle.kernel.lane import lane
from paysettle.notifications.consumer import INBOX
from paysettle.notifications.models import InboxEntry
from paysettle.payments.operations.send import send_payment
from tests.people import Person, deposit, pay, payment_order, person

pytestmark = [pytest.mark.shared, pytest.mark.kafka]

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(autouse=True)
def topic(settings: Any) -> str:
    """Use a topic and groups of this test's own; the relay begins at the end of the log."""
    name = f"test.{secrets.token_hex(6)}"
    settings.KAFKA_BOOTSTRAP_SERVERS = os.environ["TEST_KAFKA_BOOTSTRAP_SERVERS"]
    settings.KAFKA_TOPIC = settings.KAFKA_GROUP = name
    settings.KAFKA_PARTITIONS = 3
    cursors.raise_to(relay.CURSOR, queries.head())
    worker.run_until_idle(PATIENCE_S, ["dispatch"])  # what other tests left behind is nothing to Kafka
    return name


def _ana_and_ben() -> tuple[Person, Person]:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100_000_000)
    return ana, ben


def _run_bus() -> None:
    worker.run_until_idle(PATIENCE_S, ["relay", "consume"])


def _told(who: Person) -> list[str]:
    """Return what somebody was told, one text for each entry; each names its payment."""
    return [entry.data for entry in InboxEntry.objects.filter(recipient_id=who.party_id)]


def _step_until(subscription: Subscription, done: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < give_up_at
        subscription.step()


def _messages(name: str) -> Counter[bytes]:
    """Return every message of a topic, with how often it is there."""
    reader = KafkaClient(client.options(**{"group.id": "reader", "enable.auto.commit": False}))
    found: Counter[bytes] = Counter()
    for number in reader.list_topics(name, timeout=10).topics[name].partitions:
        _, end = reader.get_watermark_offsets(TopicPartition(name, number), timeout=10)
        reader.assign([TopicPartition(name, number, 0)])
        for _ in range(end):
            message = reader.poll(10)
            assert message is not None
            found[message.value() or b""] += 1
    reader.close()
    return found


def _publish_raw(*messages: tuple[bytes, bytes]) -> None:
    client.ensure_topic()
    producer = Producer(client.options())
    from django.conf import settings

    for key, value in messages:
        producer.produce(settings.KAFKA_TOPIC, key=key, value=value)
    assert producer.flush(20) == 0


def test_it_works() -> None:
    ana, ben = _ana_and_ben()
    pay(ana, ben, 1250)
    _run_bus()
    assert len(_told(ben)) == 1
    assert queries.oldest_unhandled(INBOX) is None


def test_a_relay_that_dies_before_it_moves_its_cursor_publishes_again_and_each_is_told_once(
    topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, ben = _ana_and_ben()
    for amount_minor in range(1, 6):
        pay(ana, ben, amount_minor)

    def die(*_: object) -> None:
        raise Killed

    dying = Relay()
    with monkeypatch.context() as patch:
        patch.setattr(cursors, "advance", die)
        with pytest.raises(Killed):
            dying.step()
    dying.close()
    _run_bus()
    assert min(_messages(topic).values()) == 2  # every event is on the topic twice
    assert len(_told(ben)) == len(set(_told(ben))) == 5


def test_control_a_relay_that_moves_its_cursor_first_loses_what_it_had_not_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The test above can fail: with the cursor moved before the acknowledgement, nobody publishes the events again."""
    ana, ben = _ana_and_ben()
    pay(ana, ben, 1)
    cursors.raise_to(relay.CURSOR, queries.head())  # the planted order: first the cursor …

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(relay.Publisher, "publish", die)  # … then a process that dies while it publishes
        Relay().step()
    with pytest.raises(TimeoutError):
        worker.run_until_idle(8, ["relay", "consume"])
    assert _told(ben) == []


def test_a_consumer_that_dies_before_it_commits_its_offsets_is_told_again_and_tells_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ana, ben = _ana_and_ben()
    pay(ana, ben, 1)
    worker.run_until_idle(PATIENCE_S, ["relay", "dispatch"])  # applied once already, by the other bus

    def die(*_: object) -> None:
        raise Killed

    dying = Subscription(INBOX)
    applied: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(Subscription, "_commit", die)
        with pytest.raises(Killed):
            _step_until(dying, lambda: False)
    dying.close()
    second = Subscription(INBOX)
    real_apply = Subscription._apply

    def note(self: Subscription, messages: Sequence[Any]) -> None:
        real_apply(self, messages)
        applied.extend(messages)

    monkeypatch.setattr(Subscription, "_apply", note)
    _step_until(second, lambda: len(applied) > 0)
    second.close()
    assert len(_told(ben)) == 1


def test_control_offsets_committed_before_the_database_lose_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: a consumer that commits its offsets first and dies is never told again."""
    ana, ben = _ana_and_ben()
    before = queries.head()
    pay(ana, ben, 1)
    (paid,) = queries.after(before, limit=10)
    while Relay().step():
        pass

    def offsets_first(self: Subscription, messages: Sequence[Any]) -> None:
        self._commit(messages)
        if paid.stream.encode() in [message.key() for message in messages]:  # not with what Ana was told before
            raise Killed

    dying = Subscription(INBOX)
    with monkeypatch.context() as patch:
        patch.setattr(Subscription, "_apply", offsets_first)
        with pytest.raises(Killed):
            _step_until(dying, lambda: False)
    dying.close()
    with pytest.raises(TimeoutError):
        worker.run_until_idle(8, ["consume"])
    assert _told(ben) == []


def test_what_is_no_event_of_ours_is_set_aside_and_the_others_flow() -> None:
    ana, ben = _ana_and_ben()
    before = queries.head()
    pay(ana, ben, 1)
    (true,) = queries.after(before, limit=10)
    forged = replace(true, event_id=identifiers.new(), stream=identifiers.show("pay", identifiers.new()))
    changed = replace(true, data={**true.data, "amount": {"amount": 10**9, "currency": "EUR", "decimal": "x"}})
    _publish_raw(
        (b"junk", b"\xff\x00" * 5000),
        (forged.stream.encode(), envelope.encode(forged)),
        (true.stream.encode(), envelope.encode(changed)),
        (b"another stream", envelope.encode(true)),
    )
    _run_bus()
    _step_until(subscription := Subscription(INBOX), lambda: len(_of_this_topic()) == 4)
    subscription.close()
    assert sorted(row.reason for row in _of_this_topic()) == ["MalformedEvent"] * 2 + ["NotInLog"] * 2
    assert max(len(row.raw) for row in _of_this_topic()) == 4096
    assert len(_told(ben)) == 1
    assert '"amount":1,' in _told(ben)[0]


def _of_this_topic() -> list[Any]:
    from django.conf import settings

    return [row for row in queries.malformed(INBOX.name) if row.topic == settings.KAFKA_TOPIC]


def test_a_message_that_was_damaged_is_made_up_for_from_the_log() -> None:
    ana, ben = _ana_and_ben()
    before = queries.head()
    pay(ana, ben, 1)
    (true,) = queries.after(before, limit=10)
    cursors.raise_to(relay.CURSOR, queries.head())
    _publish_raw((true.stream.encode(), b"damaged"))
    _step_until(subscription := Subscription(INBOX), lambda: len(_of_this_topic()) == 1)
    subscription.close()
    assert _told(ben) == []
    parking.redrive_malformed(INBOX)
    assert len(_told(ben)) == 1
    assert _of_this_topic() == []


def test_an_event_too_large_for_the_topic_is_parked_and_can_be_redriven(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, ben = _ana_and_ben()
    before = queries.head()
    pay(ana, ben, 1)
    (true,) = queries.after(before, limit=10)
    with monkeypatch.context() as patch:
        patch.setattr(relay, "MESSAGE_BYTES_MAX", 100)
        Relay().step()
    (parked,) = [row for row in queries.parked(INBOX.name) if row.stream == true.stream]
    assert parked.reason == "EventTooLarge"
    assert parking.redrive(INBOX, [true.stream]).applied == 1
    assert len(_told(ben)) == 1


def test_a_broker_that_lost_everything_is_filled_again(settings: Any) -> None:
    ana, ben = _ana_and_ben()
    before = queries.head()
    for amount_minor in (1, 2, 3):
        pay(ana, ben, amount_minor)
    while Relay().step():
        pass
    settings.KAFKA_TOPIC = settings.KAFKA_GROUP = f"test.{secrets.token_hex(6)}"  # a broker that begins empty
    assert relay.replay(before + 1) == queries.head() - before
    _run_bus()
    assert len(_told(ben)) == len(set(_told(ben))) == 3


def test_relay_and_consumer_killed_in_between_each_payee_is_told_exactly_once(topic: str) -> None:
    ana, ben = _ana_and_ben()
    orders = [payment_order(ana, ben, number + 1) for number in range(3000)]
    for future in [lane.submit(send_payment, order) for order in orders]:
        future.result(60)
    kills = 0
    while kills < 2 and (before := len(_told(ben))) < len(orders):
        process = _start_worker(topic)
        give_up_at = time.monotonic() + PATIENCE_S
        while len(_told(ben)) <= before:
            assert time.monotonic() < give_up_at, "the worker tells nobody anything"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        kills += 1
    _run_bus()
    assert kills >= 1, "the worker was never killed on the way"
    assert len(_told(ben)) == len(set(_told(ben))) == len(orders)


def _start_worker(topic: str) -> "subprocess.Popen[bytes]":
    from django.conf import settings

    return subprocess.Popen(
        [sys.executable, "manage.py", "worker", "--only", "relay,consume"],
        cwd=ROOT,
        env={
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": settings.KAFKA_BOOTSTRAP_SERVERS,
            "KAFKA_TOPIC": topic,
            "KAFKA_GROUP": topic,
            "KAFKA_PARTITIONS": "3",
            "WORKER_LEASE_S": "2",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
