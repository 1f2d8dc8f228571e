"""Which payments to list: query parameters, each with what is wrong about it."""

from datetime import datetime

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiParameter

from paysettle.api import parameters
from paysettle.api.parameters import parse_moment
from paysettle.api.validators import is_readable, normal_form
from paysettle.kernel.errors import FieldError, InvalidRequest
from paysettle.kernel.money import AMOUNT_MINOR_MAX, exponent
from paysettle.payments.lifecycle import State
from paysettle.payments.queries import Filters
from paysettle.payments.rules import REFERENCE_LENGTH_MAX

_TIME = {"type": "string", "format": "date-time"}
_MINOR = {"type": "integer", "minimum": 0, "maximum": AMOUNT_MINOR_MAX}

PARAMETERS = [
    parameters.by_key("payments that were made or moved"),
    OpenApiParameter("created_at__gte", _TIME, description="From this moment on (RFC 3339, with an offset)."),
    OpenApiParameter("created_at__lt", _TIME, description="Before this moment."),
    OpenApiParameter("amount__gte", _MINOR, description="In minor units."),
    OpenApiParameter("amount__lte", _MINOR, description="In minor units."),
    OpenApiParameter("currency", str),
    OpenApiParameter("counterparty", str, description="The handle or id of the other party."),
    OpenApiParameter("state", {"type": "string", "enum": [state.value for state in State]}),
    OpenApiParameter("reference", str, description="Exactly this reference, to the letter."),
]
NAMES = [parameter.name for parameter in PARAMETERS]


def read(request: HttpRequest) -> Filters:
    """Return the filters of a request; raise InvalidRequest naming each that makes no sense."""
    reader = _Reader(request)
    filters = Filters(
        created_from=reader.moment("created_at__gte"),
        created_to=reader.moment("created_at__lt"),
        amount_least=reader.whole("amount__gte"),
        amount_most=reader.whole("amount__lte"),
        currency=reader.currency("currency"),
        counterparty=reader.text("counterparty", longest=40),
        state=reader.state("state"),
        reference=reader.text("reference", longest=REFERENCE_LENGTH_MAX),
    )
    if reader.errors:
        raise InvalidRequest(reader.errors)
    return filters


class _Reader:
    def __init__(self, request: HttpRequest) -> None:
        self._given = request.GET
        self.errors: list[FieldError] = []

    def text(self, name: str, *, longest: int) -> str | None:
        value = self._given.get(name)
        if value is None:
            return None
        normal = normal_form(value)
        if not (1 <= len(normal) <= longest and is_readable(normal)):
            self._note(name, f"1 to {longest} printable characters are expected.")
        return normal

    def moment(self, name: str) -> datetime | None:
        value = self._given.get(name)
        if value is None:
            return None
        found = parse_moment(value)
        if found is None:
            self._note(name, "A time like 2026-11-23T09:30:00Z is expected.")
        return found

    def whole(self, name: str) -> int | None:
        value = self._given.get(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 16 and int(value) <= AMOUNT_MINOR_MAX):
            self._note(name, f"A whole number from 0 to {AMOUNT_MINOR_MAX} is expected.")
            return None
        return int(value)

    def currency(self, name: str) -> str | None:
        value = self._given.get(name)
        if value is not None and exponent(value) is None:
            self._note(name, "An upper-case ISO 4217 code like EUR is expected.")
        return value

    def state(self, name: str) -> State | None:
        value = self._given.get(name)
        if value is None:
            return None
        try:
            return State(value)
        except ValueError:
            self._note(name, f"One of {', '.join(State)} is expected.")
            return None

    def _note(self, name: str, message: str) -> None:
        self.errors.append(FieldError(f"?{name}", "bad_filter", message))
