"""What lets these tests run alone and without Django, and spares them the database when they run with the others."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Describe the markers."""
    config.addinivalue_line("markers", "slow: starts real servers of its own")
    config.addinivalue_line("markers", "once: needs no database; runs beside SQLite alone")


@pytest.fixture(scope="session", autouse=True)
def database() -> None:
    """Stand in the way of the fixture of that name that makes and migrates a database."""
