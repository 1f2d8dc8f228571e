"""The one helper that owns a database transaction, and the retry around it.

`run(work)` is the only way to change anything that matters: it opens a transaction, hands it to `work`, writes what
was collected for the end (the events), commits, and starts over from the outside when the database took the whole
transaction back. Retrying *inside* a transaction creates money: after a deadlock the server has rolled back, and the
rest of the block would run and commit alone. A Transaction therefore refuses every statement after a failed one.
Rule MR10.

Where the last statements and COMMIT travel in one round trip, a client that freezes or dies in between cannot keep
the row that gives out event positions locked.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from paysettle.kernel import pipelining
from paysettle.kernel.errors import OutcomeUnknown, Unavailable
from paysettle.kernel.faults import Fault, classify, is_lock_wait
from paysettle.kernel.literals import Statement, written_in_one

T = TypeVar("T")
Row = tuple[Any, ...]

ATTEMPTS_MAX = 5
"""How often a transaction that the database rolled back is run."""

PATIENCE_S = 5.0
"""How long a database that cannot be reached is tried again before the caller is told."""

ROWS_PER_STATEMENT_MAX = 1000
"""MariaDB turns an IN list of more values into a subquery, and SQLite bounds the variables of a statement."""

ROWS_BY_THEMSELVES_MAX = 3
"""So few rows are updated faster one by one: a joined table costs as much as three statements."""

PARAMETERS_PER_ROUND_TRIP_MAX = 25_000
"""Writes that travel together stay far below the size of a packet (16 MB by default), however long their texts are."""

_log = structlog.get_logger(__name__)
_open = threading.local()


class Contended(Unavailable):
    """The database took the transaction back as often as it was run: others were in its way."""


class LockWaitTimedOut(Contended):
    """Somebody holds a row of the transaction for longer than a statement may wait."""


class RowLocked(Unavailable):
    """A row that an item needs is locked by somebody else, and the item was passed over (SKIP LOCKED)."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A statement that changes rows of a table, and how many it must touch (None: any number)."""

    table: str
    statement: Statement
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class _Result:
    """What a statement has given: its rows, and how many it found or touched."""

    rows: list[Row]
    count: int


class Transaction:
    """One open database transaction: the statements it may run and what it writes last.

    Statements use `%s` for every parameter on every database. Identifiers travel as 16 bytes, times through `time`.
    """

    def __init__(self, connection: BaseDatabaseWrapper, *, plain: bool = False, skip_locked: bool = False) -> None:
        self.connection = connection
        self._failed = False
        self.mysql = connection.vendor == "mysql"
        self.plain = plain and self.mysql
        """Whether BEGIN travels with the first statements: then nothing but this object may use the connection."""
        self._begun = not self.plain
        self._running = False
        self.skip_locked = skip_locked and self.mysql
        # SQLite's transactions are exclusive from BEGIN on.
        self.for_update = "" if not self.mysql else " FOR UPDATE SKIP LOCKED" if self.skip_locked else " FOR UPDATE"
        self.collected: list[Any] = []
        self.committing = False
        self._asked: list[Reply] = []
        self._waiting: list[_Write] | None = None
        self._sent: Sequence[_Write] = ()
        self._shown_time: tuple[datetime, str] | None = None

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query."""
        return self._run([(sql, parameters)])[0].rows

    def fetch_in(self, sql: str, values: Iterable[Any], parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query whose text has `{values}` for a list of values, sorted and taken in pieces.

        `{by_key}` behind the name of a table has its rows looked up by the primary key. For more than two hundred
        values MariaDB and MySQL do not look themselves (`eq_range_index_dive_limit`): by what they counted when the
        table was small they would read all of one that has grown since, or lock what nobody has asked for.
        """
        statements = _pieces(self._by_key(sql), values, parameters)
        return [row for statement in statements for row in self._run([statement])[0].rows]

    def ask(self, sql: str, values: Iterable[Any], parameters: Sequence[Any] = ()) -> "Reply":
        """Ask what `fetch_in` would; whatever was asked until a reply is needed travels in one round trip on MySQL."""
        return self._ask(list(_pieces(self._by_key(sql), values, parameters)))

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement and return how many rows it touched."""
        return self._run([(sql, parameters)])[0].count

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send what the block inserts and updates at its end, on MySQL in one round trip. Nothing may be read in it.

        In a plain transaction the results are waited for before the next statement and not here: the database works on
        them meanwhile, and what is wrong with them is raised then.
        """
        self.fetch_asked()
        waiting: list[_Write] = []
        self._waiting = waiting
        try:
            yield
        finally:
            self._waiting = None
        for writes in _in_packets(waiting):
            if self.plain:
                self._send(writes)
            else:
                self._write(*writes)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows with as few statements as possible."""
        for statement in self.inserts(table, columns, rows):
            self._write(_Write(table, statement))

    def inserts(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Statement]:
        """Return the statements of `insert`."""
        one = f"({','.join(['%s'] * len(columns))})"
        statements: list[Statement] = []
        for start in range(0, len(rows), ROWS_PER_STATEMENT_MAX):
            piece = rows[start : start + ROWS_PER_STATEMENT_MAX]
            sql = f"INSERT INTO {table} ({','.join(columns)}) VALUES {','.join([one] * len(piece))}"  # noqa: S608
            statements.append((sql, [value for row in piece for value in row]))
        return statements

    def update(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, guard: Sequence[str]
    ) -> None:
        """Update rows by primary key; each row is `(id, value of each column…, of each guard…)`.

        Many rows take one statement.

        `guard` names the columns that must still hold the values that were read. Raises RuntimeError when one row
        does not, which the locks make impossible. Never `ON DUPLICATE KEY UPDATE`: it evaluates CHECK on a partial
        row.
        """
        if not rows:
            return
        if self.mysql and len(rows) > ROWS_BY_THEMSELVES_MAX:
            names = ["id", *columns, *(f"was_{column}" for column in guard)]
            first = "SELECT " + ",".join(f"%s AS {name}" for name in names)
            other = "SELECT " + ",".join(["%s"] * len(names))
            values = " UNION ALL ".join([first, *[other] * (len(rows) - 1)])
            sets = ",".join(f"t.{column} = v.{column}" for column in columns)
            same = " AND ".join(f"t.{column} = v.was_{column}" for column in guard)
            sql = f"UPDATE ({values}) v STRAIGHT_JOIN {table} t ON t.id = v.id SET {sets} WHERE {same}"  # noqa: S608
            self._write(_Write(table, (sql, [value for row in rows for value in row]), len(rows)))
        else:
            sets = ",".join(f"{column} = %s" for column in columns)
            same = " AND ".join(f"{column} = %s" for column in guard)
            sql = f"UPDATE {table} SET {sets} WHERE id = %s AND {same}"  # noqa: S608
            last = 1 + len(columns)
            for row in rows:
                self._write(_Write(table, (sql, [*row[1:last], row[0], *row[last:]]), 1))

    def read_clock(self) -> datetime:
        """Return the database's time, UTC with microseconds. Ask after the locks are held, not before."""
        if not self.mysql:
            return datetime.now(UTC)  # SQLite is in this process: its clock is ours
        return _clock(self.fetch(_CLOCK))

    def ask_clock(self) -> Callable[[], datetime]:
        """Ask what `read_clock` would, as `ask` does; call what is returned to have it."""
        if not self.mysql:
            return self.read_clock
        reply = self._ask([(_CLOCK, ())])
        return lambda: _clock(reply.rows)

    def time(self, moment: datetime) -> str:
        """Return a moment as the database wants it."""
        if self._shown_time is None or self._shown_time[0] is not moment:  # most times of a batch are its `now`
            self._shown_time = (moment, moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"))
        return self._shown_time[1]

    def _by_key(self, sql: str) -> str:
        return sql.replace("{by_key}", " FORCE INDEX (PRIMARY)" if self.mysql else "")

    def write_last(self, statements: Sequence[Statement]) -> None:
        """Run the last statements of this transaction, together with COMMIT where the database can."""
        self._receive()
        self.committing = True
        self._run([*statements, ("COMMIT", ())] if self.mysql else statements)
        self._begun = not self.plain

    def end(self) -> None:
        """Commit a plain transaction that had nothing to write last."""
        if self.plain and self._begun:
            self.write_last([])

    def roll_back(self) -> None:
        """Undo a plain transaction, as far as the connection still lets us: the server undoes what is cut off."""
        if self._begun:
            try:
                with suppress(RuntimeError):
                    self._receive()
                self.connection.rollback()
            except Error:
                self.connection.close()

    def allow_only_ours(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        """Refuse a statement of somebody else on this connection, which might run outside of the transaction."""
        if not self._running:
            raise RuntimeError("A plain transaction runs nothing but its own statements.")
        return execute(*arguments)

    def _ask(self, statements: list[Statement]) -> "Reply":
        reply = Reply(self, statements)
        self._asked.append(reply)
        return reply

    def fetch_asked(self) -> None:
        """Let all replies that are due have their rows; whatever runs next is preceded by it."""
        if not self._asked:
            return
        due, self._asked = self._asked, []
        results = iter(self._run([statement for reply in due for statement in reply.statements]))
        for reply in due:
            reply.come([row for _ in reply.statements for row in next(results).rows])

    def _write(self, *writes: _Write) -> None:
        """Run writes now, or at the end of the block of `together`."""
        if self._waiting is not None:
            self._waiting += writes
            return
        results = self._run([write.statement for write in writes])
        _check_counts(writes, [result.count for result in results])

    def _send(self, writes: Sequence[_Write]) -> None:
        """Send writes of a plain transaction, and go on without their results."""
        self._receive()
        self._refuse_after_failure()
        if not self._begun:
            self._begun, writes = True, [_Write("", _BEGIN), *writes]
        with self._running_ours(), self.connection.wrap_database_errors:
            self.connection.ensure_connection()
            pipelining.send(self.connection.connection, *written_in_one([write.statement for write in writes]))
        self._sent = writes

    def _receive(self) -> None:
        """Wait for the results of what was sent."""
        writes, self._sent = self._sent, ()
        if writes:
            with self._running_ours(), self.connection.wrap_database_errors:
                counts = pipelining.receive(self.connection.connection, len(writes))
                _check_counts(writes, counts)

    def _run(self, statements: Sequence[Statement]) -> list[_Result]:
        """Run statements, on MySQL in one round trip; the server stops at the first one that fails."""
        self._refuse_after_failure()
        if not statements:
            return []
        if self._waiting is not None:
            raise RuntimeError("Nothing may be read while writes are being put together.")
        self._receive()
        self.fetch_asked()
        with self._running_ours(), self.connection.cursor() as cursor:
            return _run_in_one(cursor, self._with_begin(statements)) if self.mysql else _run_each(cursor, statements)

    def _refuse_after_failure(self) -> None:
        if self._failed:
            raise RuntimeError("A statement of this transaction has failed: nothing more may run in it.")

    @contextmanager
    def _running_ours(self) -> Iterator[None]:
        """Let statements of this object run, and none any more after one that fails."""
        self._running = True
        try:
            yield
        except (Error, RuntimeError):
            self._failed = True
            raise
        finally:
            self._running = False

    def _with_begin(self, statements: Sequence[Statement]) -> Sequence[Statement]:
        if self._begun:
            return statements
        self._begun = True
        return [_BEGIN, *statements]


class Reply:
    """Rows that were asked for and are fetched when they are first needed."""

    def __init__(self, tx: Transaction, statements: list[Statement]) -> None:
        self._tx = tx
        self._rows: list[Row] | None = None
        self.statements = statements

    @property
    def rows(self) -> list[Row]:
        """The rows, fetched now if they have not come yet."""
        if self._rows is None:
            self._tx.fetch_asked()
        assert self._rows is not None  # noqa: S101 - everything that was asked has come
        return self._rows

    def come(self, rows: list[Row]) -> None:
        """Take the rows."""
        self._rows = rows


_BEGIN: Statement = ("START TRANSACTION", ())
_CLOCK = "SELECT UTC_TIMESTAMP(6)"


def _clock(rows: Sequence[Row]) -> datetime:
    now: datetime = rows[0][0]
    return now.replace(tzinfo=UTC)


def _pieces(sql: str, values: Iterable[Any], parameters: Sequence[Any] = ()) -> Iterator[Statement]:
    wanted = sorted(set(values))
    for start in range(0, len(wanted), ROWS_PER_STATEMENT_MAX):
        piece = wanted[start : start + ROWS_PER_STATEMENT_MAX]
        yield sql.replace("{values}", ",".join(["%s"] * len(piece))), [*parameters, *piece]


def _in_packets(writes: Sequence[_Write]) -> Iterator[list[_Write]]:
    packet: list[_Write] = []
    parameters = 0
    for write in writes:
        parameters += len(write.statement[1])
        if packet and parameters > PARAMETERS_PER_ROUND_TRIP_MAX:
            yield packet
            packet, parameters = [], len(write.statement[1])
        packet.append(write)
    if packet:
        yield packet


def _check_counts(writes: Sequence[_Write], counts: Sequence[int]) -> None:
    for write, count in zip(writes, counts, strict=True):
        if write.rows is not None and write.rows != count:
            raise RuntimeError(f"{write.table}: {write.rows - count} rows changed under their locks.")


def _run_in_one(cursor: Any, statements: Sequence[Statement]) -> list[_Result]:
    """Run statements in one round trip; a BEGIN in front has no result that anybody waits for."""
    cursor.execute(*written_in_one(statements))
    results = [_result(cursor)]
    while cursor.nextset():
        results.append(_result(cursor))
    return results[1:] if statements[0] == _BEGIN else results


def _run_each(cursor: Any, statements: Sequence[Statement]) -> list[_Result]:
    results = []
    for statement in statements:
        cursor.execute(*statement)
        results.append(_result(cursor))
    return results


def _result(cursor: Any) -> _Result:
    return _Result(cursor.fetchall() if cursor.description else [], cursor.rowcount)


def parse_time(value: Any) -> datetime:
    """Return a time that a plain query gave back: MySQL gives datetimes, SQLite texts, both in UTC."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC)


LastStep = Callable[[Transaction], None]
_last_step: LastStep | None = None


def set_last_step(step: LastStep) -> None:
    """Name the one function that writes what transactions collected; `events` does so when it is loaded."""
    global _last_step  # noqa: PLW0603 - wired once, at start
    _last_step = step


def current() -> Transaction:
    """Return the transaction that is open in this thread; raise RuntimeError if there is none."""
    found: Transaction | None = getattr(_open, "transaction", None)
    if found is None:
        raise RuntimeError("This must run inside kernel.transactions.run.")
    return found


def is_open() -> bool:
    """Tell whether this thread is inside a transaction. On an event loop it never is: Django refuses to work there.

    Asking Django on the loop would make a connection object for each request, a tenth of all that the loop does.
    """
    with suppress(RuntimeError):
        asyncio.get_running_loop()
        return False
    return getattr(_open, "transaction", None) is not None or connections[DEFAULT_DB_ALIAS].in_atomic_block


def run(
    work: Callable[[Transaction], T],
    *,
    repeatable: bool = False,
    plain: bool = False,
    attempts: int = ATTEMPTS_MAX,
    skip_locked: bool = False,
) -> T:
    """Run `work` in a transaction of its own and return its result once COMMIT was acknowledged.

    `work` may run several times: it must not touch anything but the transaction. With `repeatable` it finds out by
    itself what an earlier run has committed (by its idempotency keys), so it is run again after a COMMIT whose
    outcome is unknown. With `plain` it uses nothing but the Transaction, no model, and on MySQL BEGIN and COMMIT cost
    no round trip of their own. With `skip_locked` its locks pass over rows that others hold.

    Raises OutcomeUnknown when the outcome is unknown and running again is not allowed or does not help within
    PATIENCE_S, Contended after `attempts` runs that the database took back, Unavailable when nothing was done,
    RuntimeError inside an open transaction, and otherwise whatever `work` raises.
    """
    if is_open():
        raise RuntimeError("A transaction that is retried cannot run inside another one.")
    connection = connections[DEFAULT_DB_ALIAS]
    give_up_at = time.monotonic() + PATIENCE_S
    rolled_back = 0
    unknown = False
    while True:
        tx = Transaction(connection, plain=plain, skip_locked=skip_locked)
        try:
            return _once(tx, work)
        except Error as error:
            fault = classify(error)
            if fault in {Fault.BUG, Fault.DUPLICATE}:
                raise
            if fault is Fault.GONE:
                connection.close()
                unknown = unknown or tx.committing
            rolled_back += fault is Fault.ROLLED_BACK
            exhausted = rolled_back >= attempts if fault is Fault.ROLLED_BACK else time.monotonic() > give_up_at
            _log.warning("transaction_failed", fault=fault.name, code=str(error.args[:1]), rolled_back=rolled_back)
            if unknown and (exhausted or not repeatable):
                raise OutcomeUnknown from error
            if exhausted and fault is Fault.ROLLED_BACK:
                raise (LockWaitTimedOut if is_lock_wait(error) else Contended) from error
            if exhausted or fault is Fault.FULL:
                raise Unavailable from error
        # Jitter keeps two transactions that met from meeting again.
        time.sleep(random.uniform(0, min(0.02 * 2**rolled_back, 0.5)))  # noqa: S311


def read(work: Callable[[], T]) -> T:
    """Return what `work` reads outside of a transaction, on a new connection when the old one is gone.

    A thread that outlives its requests, like the lane's, meets connections that were closed while it was idle. Raises
    Unavailable when the database cannot be reached within PATIENCE_S.
    """
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work()
        except Error as error:
            if classify(error) is not Fault.GONE:
                raise
            connections[DEFAULT_DB_ALIAS].close()
            _log.warning("read_failed", code=str(error.args[:1]))
            if time.monotonic() > give_up_at:
                raise Unavailable from error
        time.sleep(random.uniform(0, 0.1))  # noqa: S311 - no secret


def _once(tx: Transaction, work: Callable[[Transaction], T]) -> T:
    try:
        with _plainly(tx) if tx.plain else transaction.atomic(durable=True):
            _open.transaction = tx
            result = work(tx)
            if tx.collected and _last_step is not None:
                _last_step(tx)
            tx.end()
            tx.committing = True
        return result
    finally:
        _open.transaction = None


@contextmanager
def _plainly(tx: Transaction) -> Iterator[None]:
    """Let a plain transaction have the connection, and undo it when it does not come to its end."""
    with tx.connection.execute_wrapper(tx.allow_only_ours):
        try:
            yield
        except BaseException:
            tx.roll_back()
            raise
