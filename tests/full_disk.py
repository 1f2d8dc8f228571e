"""Settings of a server whose SQLite database may be told to be full: while there is the file that FULL_WHEN names."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db.backends.signals import connection_created

from config.settings import *  # noqa: F403 - the same, but for the disk

FULL_WHEN = Path(os.environ["FULL_WHEN"])
PAGES_MAX = 1_000_000_000


def _limit(execute: Callable[..., Any], sql: str, params: Any, many: Any, context: dict[str, Any]) -> Any:
    """Let the database have the pages that it has, and not one more, or as many as it likes."""
    pages = 1 if FULL_WHEN.exists() else PAGES_MAX  # less than there are means: as many as there are
    context["connection"].connection.execute(f"PRAGMA max_page_count = {pages}")
    return execute(sql, params, many, context)


def _watch(connection: Any, **_: Any) -> None:
    if _limit not in connection.execute_wrappers:
        connection.execute_wrappers.append(_limit)


connection_created.connect(_watch, weak=False)
