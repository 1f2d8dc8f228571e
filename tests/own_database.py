"""A database server of a test's own, MariaDB or MySQL as the run has it: to be killed, or to run out of room."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import connections

from devservers.errors import Unavailable
from devservers.mariadb import MariaDB
from devservers.mysql import MySQL
from devservers.sql import SqlServer
from tests import spoilt
from tests.plugin import KIND

NAME = "paysettle_own"


@contextmanager
def running(folder: Path | None = None) -> Iterator[SqlServer]:
    """Run one, migrated, where this process works for the length of the block; `url` leads other processes there.

    Its data lie in this folder, or where temporary folders do.
    """
    database = MySQL() if KIND == "mysql" else MariaDB()
    address = os.environ.pop(database.address_variable, None)  # else that one would be used
    try:
        with patch.object(tempfile, "tempdir", folder and str(folder)):
            database.start()
    except Unavailable as error:
        pytest.skip(error.reason)
    finally:
        if address is not None:
            os.environ[database.address_variable] = address
    try:
        port = int(database.url.rstrip("/").rpartition(":")[2])
        place = {"HOST": "127.0.0.1", "PORT": port, "USER": "root", "PASSWORD": ""}
        with spoilt.used(NAME="mysql", **place), connections["default"].cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")
        with spoilt.used(NAME=NAME, **place):
            call_command("migrate", verbosity=0)
            yield database
    finally:
        database.stop()


def url(database: SqlServer) -> str:
    """Return the `DATABASE_URL` of the database in such a server."""
    return database.url + NAME
