"""Kafka tests need a real broker; without one they say so and count as skipped."""

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker."""
    config.addinivalue_line("markers", "kafka: needs the broker that TEST_KAFKA_BOOTSTRAP_SERVERS names")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a broker if there is none."""
    if os.environ.get("TEST_KAFKA_BOOTSTRAP_SERVERS"):
        return
    reason = os.environ.get("TEST_KAFKA_MISSING") or "TEST_KAFKA_BOOTSTRAP_SERVERS is not set"
    for item in items:
        if item.get_closest_marker("kafka"):
            item.add_marker(pytest.mark.skip(reason=f"Kafka: {reason}"))
