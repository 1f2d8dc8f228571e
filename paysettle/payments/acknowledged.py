"""What a client was told, held against the books: I5 to I7 of `ledger verify --acknowledged FILE`.

The file is the client's own log, one JSON object a line, written outside of the system under test; its form stands in
`docs/money-rules.md`. `ok` must have exactly one payment, refund or move under its key, the same in all that it says
(I5; of a move only the payment is kept with the key); `refused` none (I6); `unknown` none or one (I7).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from paysettle.kernel import identifiers
from paysettle.kernel.idempotency import digest_of
from paysettle.kernel.identifiers import BadIdentifier
from paysettle.kernel.snapshot import Snapshot
from paysettle.ledger.verify import Finding, NotAClientLog, Tally
from paysettle.payments.operations.moves import MovePayment, RefundPayment
from paysettle.payments.operations.send import SendPayment

LINES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Kind:
    """What an operation makes under a key: where that stands, and what of it a client is told."""

    operation: str
    columns: str
    tables: str
    say: Callable[..., dict[str, Any]]


_KINDS = {
    "payment": _Kind(
        SendPayment.name,
        "p.id, p.payee_id, p.amount_minor, p.currency",
        "payments_payment p ON p.id = k.object_id",
        lambda payment, payee, amount_minor, currency: {
            "payment": _shown("pay", payment),
            "payee": _shown("par", payee),
            "amount": amount_minor,
            "currency": currency,
        },
    ),
    "refund": _Kind(
        RefundPayment.name,
        "r.id, r.payment_id, r.amount_minor, p.currency",
        "payments_refund r ON r.id = k.object_id JOIN payments_payment p ON p.id = r.payment_id",
        lambda refund, payment, amount_minor, currency: {
            "refund": _shown("ref", refund),
            "payment": _shown("pay", payment),
            "amount": amount_minor,
            "currency": currency,
        },
    ),
    "move": _Kind(
        MovePayment.name,
        "p.id",
        "payments_payment p ON p.id = k.object_id",
        lambda payment: {"payment": _shown("pay", payment)},
    ),
}


def check(reads: Snapshot, lines: Iterable[str], tally: Tally) -> Iterator[Finding]:
    """Yield a finding for every line of a client's log that the books do not bear out. Raises NotAClientLog."""
    entries = (_entry(n, line) for n, line in enumerate(lines, start=1) if line.strip())
    while piece := list(islice(entries, LINES_AT_ONCE)):
        tally.seen += len(piece)
        for name, told in groupby(sorted(piece, key=_name), key=_name):
            yield from _check(reads, name, list(told))


def _check(reads: Snapshot, name: str, told: list[dict[str, Any]]) -> Iterator[Finding]:
    stored = _made(reads, _KINDS[name], {digest_of(entry["key"]) for entry in told})
    for entry in told:
        found = stored.get((identifiers.parse("par", entry["party"]).bytes, digest_of(entry["key"])), [])
        yield from _judge(name, entry, found)


def _judge(made: str, entry: dict[str, Any], found: list[dict[str, Any]]) -> Iterator[Finding]:
    name = f"key {entry['key']} of {entry['party']}"
    if len(found) > 1:
        yield f"{name} has {len(found)} {made}s"
    elif entry["outcome"] == "ok" and not found:
        yield f"{name} was acknowledged and has no {made}"
    elif entry["outcome"] == "refused" and found:
        yield f"{name} was refused and has the {made} {next(iter(found[0].values()))}"
    elif entry["outcome"] == "ok":
        different = [part for part in found[0] if part in entry and entry[part] != found[0][part]]
        if different:
            yield f"{name} was acknowledged with another {' and '.join(different)}"


def _made(reads: Snapshot, kind: _Kind, digests: set[bytes]) -> dict[tuple[bytes, bytes], list[dict[str, Any]]]:
    """Return what was made under some keys, by party and digest."""
    marks = ",".join(["%s"] * len(digests))
    rows = reads.fetch(
        f"SELECT k.party_id, k.digest, {kind.columns} FROM kernel_idempotency_key k JOIN {kind.tables}"  # noqa: S608
        f" WHERE k.digest IN ({marks}) AND k.operation = %s AND k.success",
        [*digests, kind.operation],
    )
    found: dict[tuple[bytes, bytes], list[dict[str, Any]]] = {}
    for party, digest, *facts in rows:
        found.setdefault((bytes(party), bytes(digest)), []).append(kind.say(*facts))
    return found


def _shown(prefix: str, value: bytes) -> str:
    return identifiers.show(prefix, identifiers.from_bytes(value))


def _name(entry: dict[str, Any]) -> str:
    return str(entry.get("operation", "payment"))


def _entry(n: int, line: str) -> dict[str, Any]:
    """Return one entry of the log; raise NotAClientLog naming the line that is none."""
    try:
        entry: dict[str, Any] = json.loads(line)
        identifiers.parse("par", entry["party"])
        if (
            entry["outcome"] in {"ok", "refused", "unknown"}
            and isinstance(entry["key"], str)
            and _name(entry) in _KINDS
        ):
            return entry
    except (ValueError, KeyError, TypeError, AttributeError, BadIdentifier):
        pass
    raise NotAClientLog(f"Line {n} is not an entry of a client's log.")
