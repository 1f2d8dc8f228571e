"""What lets these tests run alone and without Django, and spares them the database when they run with the others."""

import pytest

from devservers.kafka import Kafka
from devservers.mariadb import MariaDB
from devservers.mysql import MySQL
from devservers.redis import Redis

OURS = (MariaDB, MySQL, Kafka, Redis)


def pytest_configure(config: pytest.Config) -> None:
    """Describe the markers."""
    config.addinivalue_line("markers", "slow: starts real servers of its own")
    config.addinivalue_line("markers", "once: needs no database; runs beside SQLite alone")


@pytest.fixture(scope="session", autouse=True)
def database() -> None:
    """Stand in the way of the fixture of that name that makes and migrates a database."""


@pytest.fixture(autouse=True)
def _no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget servers that this suite itself runs beside: they are not the ones to test."""
    for server in OURS:
        monkeypatch.delenv(server.address_variable, raising=False)
        monkeypatch.delenv(server.missing_variable, raising=False)
