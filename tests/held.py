"""Holding the database still, so that what waits for it can be looked at."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from tests.plugin import KIND


@contextmanager
def commits_held() -> Iterator[None]:
    """Let no transaction of anybody else commit for the length of a block, which must be short."""
    with transaction.atomic():  # on SQLite this alone takes the one lock
        if KIND != "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("SELECT position FROM event_head FOR UPDATE")
        yield
