"""Long reads from one moment: a second connection that sees the database as it was when it began.

Reports and the verifier must not mix two moments, or a payment in between looks like money lost; and they must not
hold the write lock. READ COMMITTED gives neither.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from paysettle.kernel.transactions import Row

PAGE_ROWS = 5000

READ_TIMEOUT_S = 3600
"""How long a query may be silent: one that finds nothing wrong in a large ledger says so after minutes."""


class Snapshot:
    """Reads of one moment."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query that gives few."""
        self._cursor.execute(sql, parameters)
        rows: list[Row] = self._cursor.fetchall()
        return rows

    def pages(
        self, sql: str, parameters: Sequence[Any], *, start: Sequence[Any], after: Callable[[Row], Sequence[Any]]
    ) -> Iterator[Row]:
        """Yield the rows of a query of any size, read page by page, so that memory does not grow with the table.

        The query is ordered by a key and ends with a condition on that key and a limit, whose values come last:
        `… AND id > %s ORDER BY id LIMIT %s`. `start` has the values below every key, `after` returns those of a row.
        """
        position = start
        while rows := self.fetch(sql, [*parameters, *position, PAGE_ROWS]):
            yield from rows
            position = after(rows[-1])


@contextmanager
def snapshot() -> Iterator[Snapshot]:
    """Open a read-only snapshot on a connection of its own."""
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    mysql = connection.vendor == "mysql"
    if mysql:
        options = {**connection.settings_dict["OPTIONS"], "read_timeout": READ_TIMEOUT_S}
        connection.settings_dict = {**connection.settings_dict, "OPTIONS": options}
    try:
        with connection.cursor() as cursor:
            if mysql:
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            else:
                cursor.execute("PRAGMA query_only = 1")
                cursor.execute("BEGIN DEFERRED")  # not IMMEDIATE: that would hold the write lock
            yield Snapshot(cursor)
            cursor.execute("ROLLBACK")
    finally:
        connection.close()
