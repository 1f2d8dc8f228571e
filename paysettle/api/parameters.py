"""Reading query parameters that are more than text."""

from datetime import UTC, datetime

from django.http import HttpRequest

from paysettle.kernel.errors import FieldError, InvalidRequest

YEAR_LEAST = 1000
"""Before it, MySQL and MariaDB promise nothing, and a year is not written in four digits."""


def moment(request: HttpRequest, name: str) -> datetime | None:
    """Return a moment (RFC 3339 with an offset), None if the parameter is left out; raise InvalidRequest otherwise."""
    value = request.GET.get(name)
    if value is None:
        return None
    found = parse_moment(value)
    if found is None:
        raise InvalidRequest([FieldError(f"?{name}", "bad_time", "A time like 2026-11-23T09:30:00Z is expected.")])
    return found


def parse_moment(value: str) -> datetime | None:
    """Return the moment that a text names, in UTC; None if it names none, has no offset, or no database has it."""
    try:
        found = datetime.fromisoformat(value)
        if found.utcoffset() is None:
            return None
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year >= YEAR_LEAST else None
