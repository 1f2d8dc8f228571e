"""Writing the log: `record` collects, and the end of the transaction writes.

Positions are given out under the lock of the one `event_head` row in the last round trip of each transaction, so they
are gap-free and in commit order. A cursor over an auto-increment id is neither: it misses what commits late. Everything
that reads the log (relay, consumers, verifier) reads positions and nothing else. Rule MR12.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from paysettle.kernel import compact_json, transactions
from paysettle.kernel.transactions import Transaction

_COLUMNS = (
    "position",
    "event_id",
    "stream",
    "stream_version",
    "type",
    "actor",
    "party",
    "data",
    "request_id",
    "recorded_at",
)


class NewEvent(NamedTuple):
    """An event that is about to be written.

    `stream` is the public id of the business object and `version` that object's version after the change; `actor` is
    the public id of the person who did it (or `system`, `operator:name`), `party` that of the party acted for. `data`
    holds ids, amounts and states, never personal data and never a note; `key` is the API key that was used, if one was.
    """

    event_id: UUID
    stream: str
    version: int
    type: str
    actor: str
    party: str
    data: dict[str, Any]
    request_id: str
    at: datetime


def record(event: NewEvent) -> None:
    """Collect an event; it is written last in the transaction that is open. Raises RuntimeError if none is."""
    transactions.current().collected.append(event)


def write_last(tx: Transaction) -> None:
    """Advance the head by the number of collected events and insert them; on MySQL together with COMMIT."""
    events: list[NewEvent] = tx.collected
    values = [_values(tx, event) for event in events]
    if tx.mysql:
        marks = ",".join(["%s"] * (len(_COLUMNS) - 1))
        rows = ",".join(f"(@event_position + {n},{marks})" for n in range(1, len(events) + 1))
        insert = f"INSERT INTO event ({','.join(_COLUMNS)}) VALUES {rows}"  # noqa: S608 - names and numbers of ours
        advance = "UPDATE event_head SET position = (@event_position := position) + %s WHERE id = 1"
        tx.write_last([(advance, [len(events)]), (insert, [value for row in values for value in row])])
    else:
        advance = "UPDATE event_head SET position = position + %s WHERE id = 1 RETURNING position - %s"
        before = tx.fetch(advance, [len(events), len(events)])[0][0]
        numbered = [[before + n, *row] for n, row in enumerate(values, start=1)]
        tx.write_last(tx.inserts("event", _COLUMNS, numbered))


def _values(tx: Transaction, event: NewEvent) -> list[Any]:
    return [
        event.event_id.bytes,
        event.stream,
        event.version,
        event.type,
        event.actor,
        event.party,
        compact_json.dumps(event.data),
        event.request_id,
        tx.time(event.at),
    ]
