"""Fixtures for tests that cross slices."""

from collections.abc import Iterator

import pytest

from tests import server as servers
from tests import spoilt


@pytest.fixture(scope="session")
def server() -> Iterator[servers.Server]:
    """One server for all tests that do not kill it."""
    with servers.running() as running:
        yield running


@pytest.fixture(scope="session")
def _second_database() -> Iterator[None]:
    with spoilt.made():
        yield


@pytest.fixture
def spoilt_database(_second_database: None) -> Iterator[None]:
    """Work in a database whose books may be spoilt; see `tests/spoilt.py`."""
    with spoilt.used():
        yield
