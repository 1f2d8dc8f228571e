"""The envelope: what goes in comes out, and nothing else is taken for an event."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from paysettle.events import envelope
from paysettle.events.envelope import MalformedEvent, RecordedEvent

pytestmark = pytest.mark.once

EVENT = RecordedEvent(
    position=2**53 + 1,
    event_id=UUID("01a20ea6-b930-7f39-a1ef-7ec702d5f75d"),
    stream="pay_01m87ade87f6n9e3x5v93eph0d",
    stream_version=1,
    type="paysettle.payment.completed.v1",
    actor="usr_1",
    party="par_1",
    data={"amount": {"amount": 1250, "currency": "EUR", "decimal": "12.50"}},
    request_id="req_1",
    recorded_at=datetime(2026, 11, 24, 9, 30, 0, 120, tzinfo=UTC),
)


def _document(**changes: Any) -> bytes:
    return json.dumps({**json.loads(envelope.encode(EVENT)), **changes}).encode()


def test_what_goes_in_comes_out() -> None:
    assert envelope.decode(envelope.encode(EVENT)) == EVENT


def test_it_is_a_cloudevent() -> None:
    document = json.loads(envelope.encode(EVENT))
    assert document["specversion"] == "1.0"
    assert document["subject"] == document["partitionkey"] == EVENT.stream
    assert document["time"] == "2026-11-24T09:30:00.000120Z"
    assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in document)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{",
        b"[" * 100_000,
        _document(specversion="2.0"),
        _document(more=1),
        _document(id="01A20EA6-B930-7F39-A1EF-7EC702D5F75D"),
        _document(id=7),
        _document(position="0"),
        _document(position=12),
        _document(streamversion=0),
        _document(streamversion=True),
        _document(streamversion="1"),
        _document(time="2026-11-24T09:30:00Z"),
        _document(type="payment"),
        _document(data=[]),
        _document(data={"amount": 12.5}),
        _document(partitionkey="another"),
        envelope.encode(EVENT).replace(b'"actor"', b'"type":"paysettle.other.v1","actor"'),
        envelope.encode(EVENT).replace(b"1250", b"NaN"),
        json.dumps({k: v for k, v in json.loads(envelope.encode(EVENT)).items() if k != "actor"}).encode(),
    ],
)
def test_anything_else_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedEvent):
        envelope.decode(raw)
