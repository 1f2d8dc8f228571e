"""Fixtures for the attacks on the access table."""

from collections.abc import Iterator

import pytest
from django.test import override_settings


@pytest.fixture(scope="module")
def quick_hashes() -> Iterator[None]:
    """Hashing is slow on purpose, and these people sign in a hundred times: their passwords are hashed in no time."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield
