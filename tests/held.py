"""Holding the database still, or a row of it, so that what waits for it can be looked at."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, connections, models, transaction

from tests.plugin import KIND


@contextmanager
def commits_held() -> Iterator[None]:
    """Let no transaction of anybody else commit for the length of a block, which must be short."""
    with transaction.atomic():  # on SQLite this alone takes the one lock
        if KIND != "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("SELECT position FROM event_head FOR UPDATE")
        yield


@contextmanager
def row_held(model: type[models.Model], id_: UUID) -> Iterator[None]:
    """Let another connection hold the lock of a row for the length of a block."""
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                model._default_manager.select_for_update().get(pk=id_)
                held.set()
                free.wait(60)
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(30)
        yield
    finally:
        free.set()
        thread.join()
