"""Reading query parameters that are more than text."""

from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter

from paysettle.api.schemas import KEY
from paysettle.api.validators import check_key
from paysettle.kernel.errors import FieldError, InvalidRequest
from paysettle.kernel.idempotency import digest_of
from paysettle.kernel.models import IdempotencyKey

M = TypeVar("M", bound=Model)

BY_KEY = "idempotency_key"

YEAR_LEAST = 1000
"""Before it, MySQL and MariaDB promise nothing, and a year is not written in four digits."""


def by_key(what: str) -> OpenApiParameter:
    """Return the description of the filter that `made_with_key` reads."""
    return OpenApiParameter(BY_KEY, KEY, description=f"Only {what} with this `Idempotency-Key`.")


def made_with_key(request: HttpRequest, rows: "QuerySet[M]", *operations: str, party_id: UUID) -> "QuerySet[M]":
    """Keep of these rows what a party has made or changed with the key that is asked for, by these operations.

    All of them if no key is asked for. Raises IdempotencyKeyInvalid.
    """
    key = request.GET.get(BY_KEY)
    if key is None:
        return rows
    successes = IdempotencyKey.objects.filter(digest=digest_of(check_key(key)), party_id=party_id, success=True)
    return rows.filter(id__in=successes.filter(operation__in=operations).values("object_id"))


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
