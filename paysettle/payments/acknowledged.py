"""What a client was told, held against the books: I5 to I7 of `ledger verify --acknowledged FILE`.

The file is the client's own log, one JSON object a line, written outside of the system under test:

    {"party": "par_…", "key": "…", "outcome": "ok", "payment": "pay_…", "payee": "par_…", "amount": 1250,
     "currency": "EUR"}     (in one line)
    {"party": "par_…", "key": "…", "outcome": "refused"}
    {"party": "par_…", "key": "…", "outcome": "unknown"}

`ok` must have exactly one payment, the same in all that it says (I5); `refused` none (I6); `unknown` none or one (I7).
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from paysettle.kernel import identifiers
from paysettle.kernel.idempotency import digest_of
from paysettle.kernel.identifiers import BadIdentifier
from paysettle.kernel.snapshot import Snapshot
from paysettle.ledger.verify import Finding, NotAClientLog, Tally
from paysettle.payments.operations.send import SendPayment

LINES_AT_ONCE = 500


def check(reads: Snapshot, lines: Iterable[str], tally: Tally) -> Iterator[Finding]:
    """Yield a finding for every line of a client's log that the books do not bear out. Raises NotAClientLog."""
    entries = (_entry(n, line) for n, line in enumerate(lines, start=1) if line.strip())
    while piece := list(islice(entries, LINES_AT_ONCE)):
        tally.seen += len(piece)
        stored = _payments(reads, {digest_of(entry["key"]) for entry in piece})
        for entry in piece:
            found = stored.get((identifiers.parse("par", entry["party"]).bytes, digest_of(entry["key"])), [])
            yield from _judge(entry, found)


def _judge(entry: dict[str, Any], found: list[dict[str, Any]]) -> Iterator[Finding]:
    name = f"key {entry['key']} of {entry['party']}"
    if len(found) > 1:
        yield f"{name} has {len(found)} payments"
    elif entry["outcome"] == "ok" and not found:
        yield f"{name} was acknowledged and has no payment"
    elif entry["outcome"] == "refused" and found:
        yield f"{name} was refused and has the payment {found[0]['payment']}"
    elif entry["outcome"] == "ok":
        different = [part for part in found[0] if part in entry and entry[part] != found[0][part]]
        if different:
            yield f"{name} was acknowledged with another {' and '.join(different)}"


def _payments(reads: Snapshot, digests: set[bytes]) -> dict[tuple[bytes, bytes], list[dict[str, Any]]]:
    """Return what was paid under some keys, by party and digest."""
    marks = ",".join(["%s"] * len(digests))
    rows = reads.fetch(
        "SELECT k.party_id, k.digest, p.id, p.payee_id, p.amount_minor, p.currency FROM kernel_idempotency_key k"  # noqa: S608
        " JOIN payments_payment p ON p.id = k.object_id"
        f" WHERE k.digest IN ({marks}) AND k.operation = %s AND k.success",
        [*digests, SendPayment.name],
    )
    found: dict[tuple[bytes, bytes], list[dict[str, Any]]] = {}
    for party, digest, payment, payee, amount_minor, currency in rows:
        said = {
            "payment": identifiers.show("pay", identifiers.from_bytes(payment)),
            "payee": identifiers.show("par", identifiers.from_bytes(payee)),
            "amount": amount_minor,
            "currency": currency,
        }
        found.setdefault((bytes(party), bytes(digest)), []).append(said)
    return found


def _entry(n: int, line: str) -> dict[str, Any]:
    """Return one entry of the log; raise NotAClientLog naming the line that is none."""
    try:
        entry: dict[str, Any] = json.loads(line)
        identifiers.parse("par", entry["party"])
        if entry["outcome"] in {"ok", "refused", "unknown"} and isinstance(entry["key"], str):
            return entry
    except (ValueError, KeyError, TypeError, BadIdentifier):
        pass
    raise NotAClientLog(f"Line {n} is not an entry of a client's log.")
