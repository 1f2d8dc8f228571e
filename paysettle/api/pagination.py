"""Cursor pages: stable order by (time, id), newest first, `limit` 1 to 100, links to the next and previous page."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from paysettle.api.parameters import parse_moment
from paysettle.kernel.errors import FieldError, InvalidRequest

LIMIT_DEFAULT = 25
LIMIT_MAX = 100

M = TypeVar("M", bound=Model)


def limit_of(request: HttpRequest) -> int:
    """Return the asked-for page size; raise InvalidRequest for nonsense."""
    text = request.GET.get("limit", str(LIMIT_DEFAULT))
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LIMIT_MAX)) and 1 <= int(text) <= LIMIT_MAX):
        raise InvalidRequest([FieldError("?limit", "not_in_range", f"A number from 1 to {LIMIT_MAX} is expected.")])
    return int(text)


def check_parameters(request: HttpRequest, *allowed: str) -> None:
    """Refuse query parameters that do not exist or stand twice, so that a misspelt filter never shows everything."""
    errors = [
        FieldError(f"?{name[:64]}", "unknown_parameter", "There is no such parameter.")
        for name in request.GET
        if name not in allowed
    ]
    errors += [
        FieldError(f"?{name}", "repeated_parameter", "This parameter may stand once.")
        for name in allowed
        if len(request.GET.getlist(name)) > 1
    ]
    if errors:
        raise InvalidRequest(errors)


def page(
    request: HttpRequest, rows: "QuerySet[M]", document: Callable[[list[M]], list[dict[str, Any]]]
) -> dict[str, Any]:
    """Return one page of rows that have `created_at` and `id`: `{"data": […], "next": …, "previous": …}`."""
    limit = limit_of(request)
    direction, position = _read_cursor(request)
    if direction == "after" and position is not None:
        rows = rows.filter(Q(created_at__lt=position[0]) | Q(created_at=position[0], id__lt=position[1]))
    if direction == "before" and position is not None:
        rows = rows.filter(Q(created_at__gt=position[0]) | Q(created_at=position[0], id__gt=position[1]))
        found = list(rows.order_by("created_at", "id")[: limit + 1])
        more_before, more_after = len(found) > limit, True
        found = found[:limit][::-1]
    else:
        found = list(rows.order_by("-created_at", "-id")[: limit + 1])
        more_before, more_after = position is not None, len(found) > limit
        found = found[:limit]
    return {
        "data": document(found),
        "next": _link(request, "after", found[-1]) if found and more_after else None,
        "previous": _link(request, "before", found[0]) if found and more_before else None,
    }


def encode_cursor(direction: str, *parts: str) -> str:
    """Return an opaque cursor."""
    return base64.urlsafe_b64encode("|".join([direction, *parts]).encode()).decode().rstrip("=")


def decode_cursor(request: HttpRequest) -> list[str] | None:
    """Return the parts of the cursor of a request, None if it has none; raise InvalidRequest if it is not ours."""
    cursor = request.GET.get("cursor")
    if cursor is None:
        return None
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode().split("|")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise bad_cursor() from None


def number_cursor(request: HttpRequest, word: str) -> int | None:
    """Return the number in a cursor made with `encode_cursor(word, number)`, None if there is no cursor."""
    parts = decode_cursor(request)
    if parts is None:
        return None
    if len(parts) != 2 or parts[0] != word or not (parts[1].isascii() and parts[1].isdigit() and len(parts[1]) < 19):
        raise bad_cursor()
    return int(parts[1])


def bad_cursor() -> InvalidRequest:
    """Return the refusal of a cursor that is not ours."""
    return InvalidRequest([FieldError("?cursor", "bad_cursor", "This cursor was not given out here.")])


def link(request: HttpRequest, cursor: str) -> str:
    """Return the address of another page of the same list."""
    parameters = request.GET.copy()
    parameters["cursor"] = cursor
    return f"{request.path}?{parameters.urlencode()}"


def _read_cursor(request: HttpRequest) -> tuple[str, tuple[datetime, UUID] | None]:
    parts = decode_cursor(request)
    if parts is None:
        return "after", None
    try:
        direction, text, identifier = parts
        moment, last = parse_moment(text), UUID(identifier)
    except ValueError:
        raise bad_cursor() from None
    if direction not in {"after", "before"} or moment is None:
        raise bad_cursor()
    return direction, (moment, last)


def _link(request: HttpRequest, direction: str, row: Any) -> str:
    return link(request, encode_cursor(direction, row.created_at.isoformat(), str(row.id)))
