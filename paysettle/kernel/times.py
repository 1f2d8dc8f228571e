"""Times in the API: RFC 3339, UTC, always with microseconds."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=64)
def show(moment: datetime) -> str:
    """Return a moment as the API writes it: `2026-11-23T09:30:00.000000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
