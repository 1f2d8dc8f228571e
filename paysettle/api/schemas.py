"""What OpenAPI says everywhere the same: money, parties, pages, problems, headers. And the hooks that complete it."""

from functools import lru_cache
from http import HTTPStatus
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from paysettle.kernel import identifiers
from paysettle.kernel.errors import NotFound
from paysettle.kernel.identifiers import BadIdentifier
from paysettle.kernel.money import AMOUNT_MINOR_MAX

Shape = type[serializers.Serializer[None]]

ACTING_PARTY = OpenApiParameter(
    "Acting-Party",
    {"type": "string", "pattern": "^par_[0-7][0-9a-hjkmnp-tv-z]{25}$"},
    OpenApiParameter.HEADER,
    description="The party acted for (`par_…`); by default oneself.",
)
KEY = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"}
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    KEY,
    OpenApiParameter.HEADER,
    required=True,
    description=(
        "1 to 255 printable ASCII characters, a UUID for instance. The same key and request give the same answer for"
        " 30 days, marked `Idempotent-Replayed`; another request with it is refused. The key of a success never makes"
        " anything else."
    ),
)
PAGE = [
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 25}),
    OpenApiParameter("cursor", str, description="From a `next` or `previous` link."),
]


REFUSALS_OF_ALL = (400, 401, 403, 406, 429, 503)
"""An unreadable header, nobody known, not allowed, no JSON wanted, too often, and nobody there to ask."""


def if_match(*, required: bool) -> OpenApiParameter:
    """Return the header that binds a change to the version its maker has seen."""
    return OpenApiParameter(
        "If-Match",
        {"type": "string", "pattern": '^"[1-9][0-9]{0,8}"$'},
        OpenApiParameter.HEADER,
        required=required,
        description='The ETag of what was seen, like `"1"`.',
    )


class MoneyOrder(serializers.Serializer[None]):
    """An amount to move: whole minor units (cents for EUR) of an ISO 4217 currency."""

    amount = serializers.IntegerField(min_value=1, max_value=AMOUNT_MINOR_MAX)
    currency = serializers.CharField(min_length=3, max_length=3, help_text="ISO 4217, upper case")


class MoneyDocument(serializers.Serializer[None]):
    """An amount: minor units, currency, and the decimal form for people."""

    amount = serializers.IntegerField()
    currency = serializers.CharField()
    decimal = serializers.CharField(help_text="Read only: `12.50`")


class PartyDocument(serializers.Serializer[None]):
    """A person or an organisation."""

    id = serializers.CharField(help_text="`par_…`")
    handle = serializers.CharField()


class FieldErrorDocument(serializers.Serializer[None]):
    """What is wrong with one field."""

    pointer = serializers.CharField(
        help_text="A JSON pointer (RFC 6901), empty for the whole body; or `?name` for a query parameter."
    )
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemDocument(serializers.Serializer[None]):
    """A refusal (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="One of the catalogue of errors.")
    retryable = serializers.BooleanField(help_text="The same request may succeed later.")
    request_id = serializers.CharField()
    instance = serializers.CharField(  # type: ignore[assignment]  # the field, not the property of serializers
        help_text="The name of this occurrence: `/requests/` and the request id."
    )
    errors = FieldErrorDocument(many=True, required=False)  # type: ignore[assignment]  # the field, not the property of serializers


@lru_cache
def page_of(item: Shape) -> Shape:
    """Return the shape of a page of items."""
    name = item.__name__.removesuffix("Document") + "PageDocument"
    fields = {
        "__doc__": "A page, newest first.",
        "data": item(many=True),
        "next": serializers.CharField(allow_null=True),
        "previous": serializers.CharField(allow_null=True),
    }
    return type(name, (serializers.Serializer,), fields)


def answers(status: int, shape: Shape | None, *refusals: int) -> dict[Any, Any]:
    """Return the responses of an operation: its success and the statuses of its refusals, those of all included."""
    problems = {
        (refusal, "application/problem+json"): OpenApiResponse(ProblemDocument, HTTPStatus(refusal).phrase)
        for refusal in sorted({*refusals, *REFUSALS_OF_ALL})
    }
    return {status: shape, **problems}


def path_id(prefix: str, text: str) -> UUID:
    """Return the identifier in a path; one that is malformed is as absent as one that does not exist."""
    try:
        return identifiers.parse(prefix, text)
    except BadIdentifier:
        raise NotFound from None


def refuse_unknown_fields(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:  # noqa: ARG001 - a hook
    """Say of every body that is sent to us that it has no further fields (a postprocessing hook)."""
    shapes = result.get("components", {}).get("schemas", {})
    waiting = [
        content.get("schema", {})
        for path, operations in result["paths"].items()
        if path.startswith("/api/")
        for operation in operations.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
    ]
    while waiting:
        schema = waiting.pop()
        if isinstance(schema, list):
            waiting += schema
            continue
        if not isinstance(schema, dict):
            continue
        if "$ref" in schema:
            schema = shapes[schema["$ref"].rpartition("/")[2]]
        if "properties" in schema and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
            waiting += schema["properties"].values()
        waiting += [schema.get("items"), schema.get("allOf"), schema.get("oneOf")]
    return result
