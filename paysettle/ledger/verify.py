"""`ledger verify`: are the rules of money true in this database, right now? Rule MR8.

A **Check** has a name, a sentence and a function that yields a finding for each thing that is wrong, by id. The checks
of the ledger stand here; slices above add theirs with `register` (payments and settlements against their transfers,
keys against objects). All run in one snapshot. Invariants I1-I4 are those of every double-entry ledger: each movement
balances, all balance together, each balance is the sum of its lines, and no limited account was ever below its floor.
"""

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from typing import Any
from uuid import UUID

from paysettle.kernel import identifiers, insert_only
from paysettle.kernel.snapshot import Snapshot, snapshot
from paysettle.ledger.chart import SUSPENSE


@dataclass(frozen=True, slots=True)
class Scope:
    """What to look at: everything, or what touches some accounts."""

    account_ids: tuple[bytes, ...] | None

    def accounts(self, column: str) -> tuple[str, list[Any]]:
        """Return a condition on a column of account ids."""
        if self.account_ids is None:
            return "1 = 1", []
        if not self.account_ids:
            return "1 = 0", []
        return f"{column} IN ({','.join(['%s'] * len(self.account_ids))})", list(self.account_ids)

    def transfers(self, alias: str) -> tuple[str, list[Any]]:
        """Return a condition on a table of transfers: those that touch the accounts."""
        if self.account_ids is None:
            return "1 = 1", []
        debit, values = self.accounts(f"{alias}.debit_account_id")
        credit, _ = self.accounts(f"{alias}.credit_account_id")
        return f"({debit} OR {credit})", values + values


@dataclass(slots=True)
class Tally:
    """How many things a check has looked at."""

    seen: int = 0


Finding = str
CheckFunction = Callable[[Snapshot, Scope, Tally], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """One rule, asked of live data. `whole` checks make sense for the whole database only."""

    name: str
    sentence: str
    run: CheckFunction
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found, and in how many things it looked."""

    check: Check
    seen: int
    findings: list[Finding]


@dataclass(slots=True)
class Report:
    """All results; the books are right if there is no finding. Notes are worth knowing and no fault of the books."""

    results: list[Result] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)

    @property
    def findings(self) -> list[str]:
        """Every finding, with the name of its check."""
        return [f"{result.check.name}: {finding}" for result in self.results for finding in result.findings]


FINDINGS_MAX = 100
"""How many findings a check names before it stops."""

OVERDUE = timedelta(hours=1)
"""A worker that was away for a moment is no fault of the books, nor is a clock that goes a little wrong."""


def verify(
    account_ids: Collection[UUID] | None = None,
    *,
    client_log: Iterable[str] | None = None,
    strict_grants: bool = False,
) -> Report:
    """Run every check in one snapshot, for all accounts or for some, and return what was found.

    `client_log` has the lines of what a client was told; raises NotAClientLog if one of them is none. What the database
    user may do beyond its work is a note, as in development it is root; with `strict_grants` it is a finding.
    """
    scope = Scope(None if account_ids is None else tuple(sorted(account.bytes for account in account_ids)))
    with snapshot() as reads:
        report = examine(reads, scope)
        if client_log is not None:
            report.results.append(_result(_client_log_check(client_log), reads, scope))
        grants = _result(_GRANTS, reads, scope)
        if strict_grants:
            report.results.append(grants)
        else:
            report.notes += grants.findings
        if insert_only.hidden():
            report.notes.append("the database user may not see triggers: verify as the user that migrates, too")
        return report


def examine(reads: Snapshot, scope: Scope) -> Report:
    """Run the checks that make sense for a scope on what a snapshot shows."""
    report = Report()
    for check in _checks:
        if check.whole and scope.account_ids is not None:
            continue
        report.results.append(_result(check, reads, scope))
    return report


def _result(check: Check, reads: Snapshot, scope: Scope) -> Result:
    tally = Tally()
    findings = list(islice(check.run(reads, scope, tally), FINDINGS_MAX))
    return Result(check, tally.seen, findings)


def _client_log_check(lines: Iterable[str]) -> Check:
    if _client_log is None:
        raise RuntimeError("No slice has said how a client's log is checked.")
    read = _client_log
    return Check(
        "acknowledged",
        "Each acknowledged payment is there once and as it was told, each refused one is not (I5-I7).",
        lambda reads, _scope, tally: read(reads, lines, tally),
    )


class NotAClientLog(Exception):
    """A line of the file is no entry of a client's log; the message names it."""


ClientLogFunction = Callable[[Snapshot, Iterable[str], Tally], Iterator[Finding]]
_client_log: ClientLogFunction | None = None


def register_client_log(check: ClientLogFunction) -> None:
    """Name the function that holds a client's log against the books; `payments` does."""
    global _client_log  # noqa: PLW0603 - wired once, at start
    _client_log = check


_subjects: set[str] = set()


def register(*checks: Check, subjects: Iterable[str] = ()) -> None:
    """Add the checks of a slice above the ledger, and name the kinds of subjects whose transfers they look at."""
    _checks.extend(checks)
    _subjects.update(subjects)


def rows_as_findings(
    reads: Snapshot, sql: str, parameters: Sequence[Any], prefix: str, sentence: str
) -> Iterator[Finding]:
    """Yield a finding for each row of a query that selects what should not be there; its first column is an id.

    As many as a check names: were everything wrong, it would not fit into memory.
    """
    for row in reads.fetch(f"{sql} LIMIT {FINDINGS_MAX}", parameters):
        shown = identifiers.show(prefix, identifiers.from_bytes(row[0])) if isinstance(row[0], bytes) else str(row[0])
        yield f"{shown} {sentence}"


def count(reads: Snapshot, sql: str, parameters: Sequence[Any] = ()) -> int:
    """Return the number a counting query gives."""
    return int(reads.fetch(sql, parameters)[0][0])


def rows_of_nothing(
    reads: Snapshot, table: str, column: str, parents: str, prefix: str, what: str
) -> Iterator[Finding]:
    """Yield a finding for each row of a table whose column names a parent that is not in its table."""
    yield from rows_as_findings(
        reads,
        f"SELECT o.{column} FROM {table} o LEFT JOIN {parents} p ON p.id = o.{column} WHERE p.id IS NULL",  # noqa: S608
        [],
        prefix,
        f"has {what} and is not there",
    )


def outcomes_kept(reads: Snapshot, operation: str) -> tuple[int, int, int]:
    """Return how many outcomes of an operation are stored, how many are successes, how many refusals name an object."""
    (counts,) = reads.fetch(
        "SELECT COUNT(*), COUNT(CASE WHEN k.success THEN 1 END), COUNT(CASE WHEN NOT k.success THEN k.object_id END)"
        " FROM kernel_idempotency_key k WHERE k.operation = %s",
        [operation],
    )
    return counts[0], counts[1], counts[2]


def keys_of_nothing(reads: Snapshot, table: str, operation: str, prefix: str) -> Iterator[Finding]:
    """Yield a finding for each object that a stored success of an operation names and that is not in its table."""
    yield from rows_as_findings(
        reads,
        f"SELECT k.object_id FROM kernel_idempotency_key k LEFT JOIN {table} o ON o.id = k.object_id"  # noqa: S608
        " WHERE k.operation = %s AND k.success AND o.id IS NULL",
        [operation],
        prefix,
        "is named by a key and is not there",
    )


def refusals_of_something(reads: Snapshot, operation: str) -> Iterator[Finding]:
    """Yield a finding for each stored refusal of an operation that names an object."""
    for (request_id,) in reads.fetch(
        "SELECT k.request_id FROM kernel_idempotency_key k WHERE k.operation = %s AND NOT k.success"  # noqa: S608
        f" AND k.object_id IS NOT NULL LIMIT {FINDINGS_MAX}",
        [operation],
    ):
        yield f"the refusal of request {request_id} has an object"


def _transfers_balance(reads: Snapshot, scope: Scope, tally: Tally) -> Iterator[Finding]:
    where, values = scope.transfers("t")
    tally.seen = count(reads, f"SELECT COUNT(*) FROM ledger_transfer t WHERE {where}", values)  # noqa: S608
    yield from rows_as_findings(
        reads,
        "SELECT t.id FROM ledger_transfer t"  # noqa: S608
        " LEFT JOIN ledger_account d ON d.id = t.debit_account_id"
        " LEFT JOIN ledger_account c ON c.id = t.credit_account_id"
        f" WHERE {where} AND (d.id IS NULL OR c.id IS NULL OR d.currency <> t.currency OR c.currency <> t.currency)",
        values,
        "tra",
        "names an account that is not there or has another currency",
    )
    yield from rows_as_findings(
        reads,
        "SELECT t.id FROM ledger_transfer t LEFT JOIN ledger_entry e ON e.transfer_id = t.id"  # noqa: S608
        # By the key alone: then no database sorts, and all know that a transfer has one of everything.
        f" WHERE {where} GROUP BY t.id"
        " HAVING COUNT(e.sequence) <> 2"
        " OR SUM(CASE WHEN e.account_id = t.debit_account_id AND e.amount_minor = -t.amount_minor THEN 1 ELSE 0 END)"
        " <> 1"
        " OR SUM(CASE WHEN e.account_id = t.credit_account_id AND e.amount_minor = t.amount_minor THEN 1 ELSE 0 END)"
        " <> 1",
        values,
        "tra",
        "does not have exactly its two entries",
    )
    where, values = scope.accounts("e.account_id")
    yield from rows_as_findings(
        reads,
        "SELECT e.transfer_id FROM ledger_entry e LEFT JOIN ledger_transfer t ON t.id = e.transfer_id"  # noqa: S608
        f" WHERE {where} AND t.id IS NULL",
        values,
        "tra",
        "has an entry and is not there",
    )
    yield from _lines_repeat_their_transfers(reads, where, values)


def _lines_repeat_their_transfers(reads: Snapshot, where: str, values: list[Any]) -> Iterator[Finding]:
    for id_, sequence in reads.fetch(
        "SELECT e.account_id, e.sequence FROM ledger_entry e JOIN ledger_transfer t ON t.id = e.transfer_id"  # noqa: S608
        " JOIN ledger_account o ON o.id = CASE WHEN e.account_id = t.debit_account_id THEN t.credit_account_id"
        " ELSE t.debit_account_id END"
        f" WHERE {where} AND (e.subject_id <> t.subject_id OR e.subject_kind <> t.subject_kind"
        f" OR e.other_owner_id <> o.owner_id) LIMIT {FINDINGS_MAX}",
        values,
    ):
        yield f"{_account(id_)} line {sequence} is about something else than its transfer"


def _transfers_have_subjects(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    """What no check of another slice looks at nobody has ordered."""
    tally.seen = count(reads, "SELECT COUNT(*) FROM ledger_transfer")
    marks = ",".join(["%s"] * len(_subjects))
    yield from rows_as_findings(
        reads,
        f"SELECT t.id FROM ledger_transfer t WHERE t.subject_kind NOT IN ({marks})",  # noqa: S608
        sorted(_subjects),
        "tra",
        "is for something that nobody knows",
    )


def _sums_are_zero(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    for table, column, join in (
        ("ledger_account", "a.balance_minor", "ledger_account a"),
        ("ledger_entry", "e.amount_minor", "ledger_entry e JOIN ledger_account a ON a.id = e.account_id"),
    ):
        for currency, total in reads.fetch(f"SELECT a.currency, SUM({column}) FROM {join} GROUP BY a.currency"):  # noqa: S608
            tally.seen += 1
            if int(total) != 0:
                yield f"{table}: {currency} sums to {int(total)} minor units instead of 0"


def _suspense_is_empty(reads: Snapshot, scope: Scope, tally: Tally) -> Iterator[Finding]:
    """I14, as long as nothing posts to suspense: then it becomes a question of how long something lies there."""
    where, values = scope.accounts("a.id")
    of_kind = f"FROM ledger_account a WHERE a.kind = %s AND {where}"
    tally.seen = count(reads, f"SELECT COUNT(*) {of_kind}", [SUSPENSE.code, *values])
    yield from rows_as_findings(
        reads,
        f"SELECT a.id {of_kind} AND a.balance_minor <> 0",
        [SUSPENSE.code, *values],
        "acc",
        "is not at zero",
    )


def _balances_are_their_entries(reads: Snapshot, scope: Scope, tally: Tally) -> Iterator[Finding]:
    """I3 and I4: each line follows the one before it, and an account says what its last line says."""
    where, values = scope.accounts("e.account_id")
    tally.seen = count(reads, f"SELECT COUNT(*) FROM ledger_entry e WHERE {where}", values)  # noqa: S608
    yield from _accounts_say_another_line(reads, *scope.accounts("a.id"))
    yield from _lines_do_not_follow(reads, where, values)


def _accounts_say_another_line(reads: Snapshot, where: str, values: list[Any]) -> Iterator[Finding]:
    """Hold each account against its last line."""
    for id_, balance_minor, sequence in reads.fetch(
        "SELECT a.id, a.balance_minor, a.sequence FROM ledger_account a"  # noqa: S608
        " LEFT JOIN ledger_entry l ON l.account_id = a.id AND l.sequence = a.sequence"
        f" WHERE {where} AND (a.balance_minor <> COALESCE(l.balance_after_minor, 0)"
        " OR a.sequence <> COALESCE(l.sequence, 0)"
        " OR EXISTS (SELECT 1 FROM ledger_entry m WHERE m.account_id = a.id AND m.sequence > a.sequence))"
        f" LIMIT {FINDINGS_MAX}",
        values,
    ):
        last_minor, last_sequence = _last_line(reads, id_)
        yield (
            f"{_account(id_)} says {balance_minor} at line {sequence}, its lines say {last_minor} at {last_sequence}"
        )


def _last_line(reads: Snapshot, account_id: bytes) -> tuple[int, int]:
    rows = reads.fetch(
        "SELECT balance_after_minor, sequence FROM ledger_entry WHERE account_id = %s ORDER BY sequence DESC LIMIT 1",
        [account_id],
    )
    return rows[0] if rows else (0, 0)


def _lines_do_not_follow(reads: Snapshot, where: str, values: list[Any]) -> Iterator[Finding]:
    """Hold each line `e` against the line before it, `b`, and against its account."""
    for (
        id_,
        sequence,
        amount_minor,
        after_minor,
        floor_minor,
        is_there,
        before,
        before_minor,
        is_earlier,
    ) in reads.fetch(
        "SELECT e.account_id, e.sequence, e.amount_minor, e.balance_after_minor, a.floor_minor, a.id IS NOT NULL,"  # noqa: S608
        " COALESCE(b.sequence, 0), COALESCE(b.balance_after_minor, 0), COALESCE(e.booked_at < b.booked_at, 0)"
        " FROM ledger_entry e LEFT JOIN ledger_account a ON a.id = e.account_id"
        " LEFT JOIN ledger_entry b ON b.account_id = e.account_id"
        # Whatever the numbers are: one that passes 64 bits would end the search with an error.
        " AND b.sequence = CASE WHEN e.sequence > 0 THEN e.sequence - 1 END"
        f" WHERE {where} AND (a.id IS NULL OR e.sequence <> COALESCE(b.sequence, 0) + 1"
        " OR CAST(COALESCE(b.balance_after_minor, 0) AS DECIMAL(30)) + e.amount_minor <> e.balance_after_minor"
        " OR (e.amount_minor < 0 AND e.balance_after_minor < a.floor_minor) OR e.booked_at < b.booked_at)"
        f" LIMIT {FINDINGS_MAX}",
        values,
    ):
        line = f"{_account(id_)} line {sequence}"
        if not is_there:
            yield f"line {sequence} belongs to an account that is not there"
        if before != sequence - 1:
            yield f"{line} follows no line {sequence - 1}"
        elif after_minor != before_minor + amount_minor:
            yield f"{line} says {after_minor} after {before_minor} and {amount_minor}"
        if floor_minor is not None and amount_minor < 0 and after_minor < floor_minor:
            yield f"{line} is below the floor: {after_minor}"
        if is_earlier:
            yield f"{line} is booked before the line it follows"


def _account(id_: bytes) -> str:
    return identifiers.show("acc", identifiers.from_bytes(id_))


def _holds_add_up(reads: Snapshot, scope: Scope, tally: Tally) -> Iterator[Finding]:
    """I9: an account's held money is the sum of its open holds, and a hold is the sum of its steps. Rule MR13."""
    where, values = scope.accounts("a.id")
    yield from rows_as_findings(
        reads,
        "SELECT a.id FROM ledger_account a LEFT JOIN ledger_hold h ON h.account_id = a.id AND h.is_open"  # noqa: S608
        f" WHERE {where} GROUP BY a.id, a.held_minor"
        " HAVING COALESCE(SUM(h.amount_minor - h.captured_minor - h.released_minor), 0) <> a.held_minor",
        values,
        "acc",
        "does not hold what its open holds add up to",
    )
    where, values = scope.accounts("h.account_id")
    tally.seen = count(reads, f"SELECT COUNT(*) FROM ledger_hold h WHERE {where}", values)  # noqa: S608
    placed, captured, released = (
        f"SUM(CASE WHEN m.kind IN ({kinds}) THEN m.amount_minor ELSE 0 END)"
        for kinds in ("'placed'", "'captured'", "'released', 'expired'")
    )
    yield from rows_as_findings(
        reads,
        "SELECT h.id FROM ledger_hold h LEFT JOIN ledger_hold_move m ON m.hold_id = h.id"  # noqa: S608
        f" WHERE {where} GROUP BY h.id, h.amount_minor, h.captured_minor, h.released_minor, h.moves, h.is_open"
        f" HAVING {placed} <> h.amount_minor OR {captured} <> h.captured_minor"
        f" OR {released} <> h.released_minor OR COUNT(m.n) <> h.moves"
        " OR MIN(m.n) <> 1 OR MAX(m.n) <> h.moves"
        " OR (h.captured_minor + h.released_minor = h.amount_minor) = h.is_open",
        values,
        "hol",
        "is not what its steps add up to",
    )
    yield from rows_as_findings(
        reads,
        "SELECT h.id FROM ledger_hold_move m JOIN ledger_hold h ON h.id = m.hold_id"  # noqa: S608
        f" LEFT JOIN event e ON e.event_id = m.event_id WHERE {where} AND e.position IS NULL",
        values,
        "hol",
        "has a step without its event",
    )
    if scope.account_ids is None:
        yield from rows_of_nothing(reads, "ledger_hold_move", "hold_id", "ledger_hold", "hol", "a step")


def _holds_end_in_time(reads: Snapshot, scope: Scope, tally: Tally) -> Iterator[Finding]:
    """I9: the worker gives held money back soon after its deadline."""
    where, values = scope.accounts("h.account_id")
    tally.seen = count(reads, f"SELECT COUNT(*) FROM ledger_hold h WHERE h.is_open AND {where}", values)  # noqa: S608
    latest = (datetime.now(UTC) - OVERDUE).strftime("%Y-%m-%d %H:%M:%S.%f")
    yield from rows_as_findings(
        reads,
        f"SELECT h.id FROM ledger_hold h WHERE h.is_open AND h.expires_at < %s AND {where}",  # noqa: S608
        [latest, *values],
        "hol",
        "has outlived its deadline by more than an hour: is a worker running?",
    )


def _transfers_have_one_event(reads: Snapshot, scope: Scope, tally: Tally) -> Iterator[Finding]:
    where, values = scope.transfers("t")
    tally.seen = count(reads, f"SELECT COUNT(*) FROM ledger_transfer t WHERE {where}", values)  # noqa: S608
    yield from rows_as_findings(
        reads,
        f"SELECT t.id FROM ledger_transfer t LEFT JOIN event e ON e.event_id = t.event_id WHERE {where}"  # noqa: S608
        " AND e.position IS NULL",
        values,
        "tra",
        "has no event",
    )


def _positions_have_no_gap(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    head = count(reads, "SELECT position FROM event_head WHERE id = 1")
    rows, first, last = reads.fetch("SELECT COUNT(*), MIN(position), MAX(position) FROM event")[0]
    tally.seen = rows
    if rows and (first, last, rows) != (1, head, head):
        yield f"the head is at {head}, but there are {rows} events from {first} to {last}"
    if not rows and head:
        yield f"the head is at {head}, but there is no event"


def _streams_have_no_gap(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    tally.seen = count(reads, "SELECT COUNT(DISTINCT stream) FROM event")
    for stream, rows, first, last in reads.fetch(
        "SELECT stream, COUNT(*), MIN(stream_version), MAX(stream_version) FROM event GROUP BY stream"  # noqa: S608
        f" HAVING MIN(stream_version) <> 1 OR COUNT(*) <> MAX(stream_version) LIMIT {FINDINGS_MAX}"
    ):
        yield f"{stream} has {rows} events, of versions {first} to {last}"


def events_of_versions(table: str, prefix: str, reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    """Yield a finding for each object of a table whose stream has not one event for each of its versions.

    And for each stream of no object. Both are read in the order of their ids, which that of the shown ids is too.
    """
    objects = reads.pages(
        f"SELECT id, version FROM {table} WHERE id > %s ORDER BY id LIMIT %s",  # noqa: S608
        [],
        start=[b""],
        after=lambda row: [row[0]],
    )
    streams = reads.pages(
        "SELECT stream, COUNT(*) FROM event WHERE stream LIKE %s AND stream > %s GROUP BY stream ORDER BY stream"
        " LIMIT %s",
        [f"{prefix}_%"],
        start=[""],
        after=lambda row: [row[0]],
    )
    versions = ((identifiers.show(prefix, identifiers.from_bytes(id_)), "version", n) for id_, n in objects)
    events = ((stream, "events", n) for stream, n in streams)
    for shown, sides in groupby(heapq.merge(versions, events, key=itemgetter(0)), key=itemgetter(0)):
        said = {side: n for _, side, n in sides}
        told = said.get("events", 0)
        tally.seen += told
        if "version" not in said:
            yield f"{shown} has {told} events and is not there"
        elif said["version"] != told:
            yield f"{shown} is at version {said['version']} and has {told} events"


def _triggers_are_there(_reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    tally.seen = 0 if insert_only.hidden() else 2 * len(insert_only.tables())
    for name in insert_only.missing_triggers():
        yield f"{name} is missing: run migrate"


def _triggers_stay(_reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    tally.seen = len(insert_only.tables())
    user, privileges = insert_only.ways_around()
    if privileges:
        yield f"the database user {user} could switch the triggers off or get round them ({', '.join(privileges)})"


_GRANTS = Check("grants", "The database user cannot get round the triggers (I12).", _triggers_stay)

_checks: list[Check] = [
    Check("transfers", "Each transfer has its two entries, in its currency (I1).", _transfers_balance),
    Check("subjects", "Each transfer is for something that was ordered.", _transfers_have_subjects, whole=True),
    Check("sums", "All balances and all entries sum to zero, per currency (I2).", _sums_are_zero, whole=True),
    Check(
        "accounts",
        "Each balance is the sum of its lines, numbered without gap, never below the floor (I3, I4).",
        _balances_are_their_entries,
    ),
    Check("suspense", "Suspense accounts are at zero (I14).", _suspense_is_empty),
    Check("holds", "Held money is the sum of its holds, a hold the sum of its steps (I9).", _holds_add_up),
    Check("deadlines", "No hold outlives its deadline by more than an hour (I9).", _holds_end_in_time),
    Check("events", "Each transfer has exactly one event (I8).", _transfers_have_one_event),
    Check("positions", "Event positions have no gap (I8).", _positions_have_no_gap, whole=True),
    Check("streams", "The versions of each stream have no gap (I8).", _streams_have_no_gap, whole=True),
    Check("triggers", "Insert-only tables have their triggers (I12).", _triggers_are_there, whole=True),
]
