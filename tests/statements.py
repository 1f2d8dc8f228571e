"""What the database is asked, in whatever thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db.backends.utils import CursorWrapper


@contextmanager
def noted() -> Iterator[list[str]]:
    """Note the text of each statement for the length of a block."""
    said: list[str] = []
    execute = CursorWrapper.execute

    def noting(cursor: CursorWrapper, sql: str, params: Any = None) -> Any:
        said.append(sql)
        return execute(cursor, sql, params)

    with patch.object(CursorWrapper, "execute", noting):
        yield said
