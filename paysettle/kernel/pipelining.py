"""Statements sent without waiting for their results: what both drivers of MySQL can do and DB-API has no name for.

Between `send` and `receive` the database works and so does this process. Nothing else may use the connection then.
"""

from collections.abc import Sequence
from typing import Any

from pymysql.connections import Connection as PyMySQL
from pymysql.constants import COMMAND


def send(raw: Any, sql: str, values: Sequence[Any]) -> None:
    """Send statements in one text to the database of a driver's connection; `values` are written into it, escaped.

    Raises what the driver raises.
    """
    text = (raw.cursor().mogrify(sql, values) if values else sql).encode()
    if isinstance(raw, PyMySQL):
        half_of_query = raw._execute_command  # type: ignore[attr-defined]  # noqa: SLF001 - it has no public name
        half_of_query(COMMAND.COM_QUERY, text)
    else:
        raw.send_query(text)


def receive(raw: Any, statements: int) -> list[int]:
    """Wait for so many results and return how many rows each statement has found or touched.

    Raises what the driver raises; the database runs no statement after one that fails.
    """
    if isinstance(raw, PyMySQL):
        return [raw.next_result() for _ in range(statements)]
    raw.read_query_result()
    counts = [raw.affected_rows()]
    while len(counts) < statements:
        raw.next_result()
        counts.append(raw.affected_rows())
    return counts
