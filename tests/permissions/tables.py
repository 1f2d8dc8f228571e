"""Every row of every table: what a request that does nothing leaves exactly as it was, but for counts of requests."""

from collections import Counter
from typing import Any

from django.db import connection

COUNTS = {"kernel_throttle"}
"""How often somebody has asked is counted, whatever they are told."""

Contents = dict[str, Counter[tuple[Any, ...]]]


def contents() -> Contents:
    """Return all rows of all tables that say what was done."""
    found: Contents = {}
    with connection.cursor() as cursor:
        for table in set(connection.introspection.table_names(cursor)) - COUNTS:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 - names of the database
            found[table] = Counter(tuple(row) for row in cursor.fetchall())
    return found


def changes(before: Contents, after: Contents) -> dict[str, tuple[list[Any], list[Any]]]:
    """Return what has gone from each table and what has come, for the tables that differ."""
    return {
        table: (list((before[table] - after[table]).elements()), list((after[table] - before[table]).elements()))
        for table in before
        if before[table] != after[table]
    }
