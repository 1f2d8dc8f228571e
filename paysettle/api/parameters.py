"""Reading query parameters that are more than text."""

from datetime import datetime

from django.http import HttpRequest

from paysettle.kernel.errors import FieldError, InvalidRequest


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
    """Return the moment that a text names, None if it names none or has no offset."""
    try:
        found = datetime.fromisoformat(value)
        return found if found.tzinfo is not None and found.utcoffset() is not None else None
    except ValueError:
        return None
