"""The marker of tests that need a browser."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker."""
    config.addinivalue_line("markers", "browser: needs Chromium")
