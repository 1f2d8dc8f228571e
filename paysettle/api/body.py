"""Reading a request body: strict JSON, the same for plain views and DRF.

400 means the body cannot be read: not UTF-8, not JSON, a key twice, a number that is not one, nested too deep, not an
object. 422 means it was read and its fields are wrong (`api/validators.py`). Either way a JSON pointer (RFC 6901) leads
to the place; the empty one means the body as a whole.
"""

import json
from typing import IO, Any, ClassVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError
from rest_framework.parsers import BaseParser

from paysettle.kernel.errors import DomainError, FieldError

DEPTH_MAX = 8
INTEGER_LENGTH_MAX = 20
INTEGER_BEYOND = 10**20
"""What stands for a whole number of more digits: too large for every field."""

_TOO_DEEP = f"The body is nested deeper than {DEPTH_MAX} levels."

Body = dict[str, Any]


class BadRequest(DomainError):
    """The request itself is not acceptable."""

    code = "bad_request"
    status = 400
    title = "The request cannot be understood."


class _UnreadableBody(DomainError):
    """The body cannot be read, at the place that `pointer` names, for the reason that `reason` is the code of."""

    reason: ClassVar[str]

    def __init__(self, detail: str = "", *, pointer: str = "", reason: str = "") -> None:
        found = FieldError(pointer, reason or self.reason, detail or self.title)
        super().__init__(detail, errors=[found.document()])


class MalformedBody(_UnreadableBody):
    """The body is not one strict JSON object in UTF-8."""

    code = "malformed_body"
    status = 400
    title = "The body must be one JSON object in UTF-8."
    reason = "not_json"


class BodyTooLarge(_UnreadableBody):
    """The body is larger than this address accepts."""

    code = "body_too_large"
    status = 413
    title = "The body is too large."
    reason = "too_large"


class UnsupportedMediaType(_UnreadableBody):
    """The body is not declared as JSON in UTF-8, or it is compressed."""

    code = "unsupported_media_type"
    status = 415
    title = "The body must be sent as application/json in UTF-8, not compressed."
    reason = "wrong_encoding"


def read(request: HttpRequest, *, size_max: int | None = None) -> Body:
    """Return the JSON object in the body of a Django request; raise one of the refusals above.

    `size_max` is in bytes; BODY_SIZE_MAX by default.
    """
    content_type = request.content_type
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    compression = request.META.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if content_type != "application/json" or charset not in {"utf-8", "utf8"} or compression != "identity":
        raise UnsupportedMediaType
    try:
        # `request.body` has one limit for all addresses; where another holds, one byte more shows that there is more.
        raw = request.body if size_max is None else request.read(size_max + 1)
    except RequestDataTooBig:
        raise BodyTooLarge from None
    except UnreadablePostError:
        raise MalformedBody("The body ended early.", reason="incomplete") from None
    return parse(raw, size_max=settings.BODY_SIZE_MAX if size_max is None else size_max)


def read_optional(request: HttpRequest) -> Body:
    """Return the JSON object in the body, or an empty one when there is no body at all."""
    if request.headers.get("Content-Length") in {None, "", "0"} and not request.headers.get("Transfer-Encoding"):
        return {}
    return read(request)


def parse(raw: bytes, *, size_max: int) -> Body:
    """Return the JSON object in these bytes."""
    if len(raw) > size_max:
        raise BodyTooLarge
    try:
        text = raw.decode("utf-8")
        try:
            return _read_quickly(text)
        except _Doubtful:
            return _read_exactly(text)
    except UnicodeDecodeError:
        raise MalformedBody("The body is not UTF-8.", reason="not_utf8") from None
    except json.JSONDecodeError as error:
        raise MalformedBody(f"This is not JSON: line {error.lineno}, column {error.colno}.") from None
    except RecursionError:
        raise MalformedBody(_TOO_DEEP, reason="too_deep") from None


class Number(str):
    """A JSON number that is not whole (1.5, 1e3, -0), kept as it was written, so that a field can refuse it."""

    __slots__ = ()


class _Constant(str):
    """NaN or an infinity, which Python reads and JSON does not know."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written: what stands twice in it is still there."""


class _Doubtful(Exception):
    """Something may be wrong with a body: it is to be read exactly."""


def _integer(literal: str) -> int | Number:
    if literal == "-0":
        return Number(literal)
    if len(literal) > INTEGER_LENGTH_MAX:  # further digits say nothing to anybody, and cost time
        return -INTEGER_BEYOND if literal.startswith("-") else INTEGER_BEYOND
    return int(literal)


def _object(pairs: list[tuple[str, Any]]) -> Body:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Doubtful
    return found


def _constant(_literal: str) -> None:
    raise _Doubtful


_QUICK = json.JSONDecoder(object_pairs_hook=_object, parse_float=Number, parse_constant=_constant, parse_int=_integer)
_EXACT = json.JSONDecoder(object_pairs_hook=_Pairs, parse_float=Number, parse_constant=_Constant, parse_int=_integer)


def _read_quickly(text: str) -> Body:
    """Return the object in a text that is in order, as nearly all are; raise _Doubtful for any other."""
    if "\\u" in text:  # half a surrogate pair can only be written as an escape
        raise _Doubtful
    found = _QUICK.decode(text)
    is_flat = text.count("{") + text.count("[") < DEPTH_MAX
    if not isinstance(found, dict) or not (is_flat or _fits(found, DEPTH_MAX)):
        raise _Doubtful
    return found


def _fits(value: Body | list[Any], levels: int) -> bool:
    """Tell whether a value is nested no deeper than so many levels, its innermost values included."""
    if levels == 0:
        return False
    inside = value.values() if isinstance(value, dict) else value
    if levels == 1:
        return not inside
    return all(_fits(one, levels - 1) for one in inside if type(one) is dict or type(one) is list)


def _read_exactly(text: str) -> Body:
    """Return the object in a text; refuse what is wrong with it, with a pointer to it."""
    found = _EXACT.decode(text)
    if not isinstance(found, _Pairs):
        raise MalformedBody("The body must be a JSON object.", reason="not_an_object")
    plain: Body = _plain(found, at="", depth=1)
    return plain


def _plain(value: Any, *, at: str, depth: int) -> Any:
    """Return a value with plain objects; refuse what databases and logs stumble over, with a pointer to it.

    That is: a key that stands twice, NaN, half of a surrogate pair, nesting without end.
    """
    if depth > DEPTH_MAX:
        raise MalformedBody(_TOO_DEEP, pointer=at, reason="too_deep")
    if isinstance(value, _Pairs):
        found: Body = {}
        for name, inner in value:
            here = f"{at}/{escape(name)}"
            if name in found:
                message = f"The key {name[:64]!r} stands twice in one object."
                raise MalformedBody(message, pointer=here, reason="repeated_key")
            _check_text(name, at)
            found[name] = _plain(inner, at=here, depth=depth + 1)
        return found
    if isinstance(value, list):
        return [_plain(inner, at=f"{at}/{n}", depth=depth + 1) for n, inner in enumerate(value)]
    if isinstance(value, _Constant):
        raise MalformedBody(f"{value} is not JSON.", pointer=at, reason="not_json")
    if isinstance(value, str):
        _check_text(value, at)
    return value


def _check_text(text: str, at: str) -> None:
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise MalformedBody("The body has half of a surrogate pair.", pointer=at, reason="half_a_surrogate")


def escape(name: str) -> str:
    """Return a name as a token of a JSON pointer (RFC 6901), cut when it is very long."""
    return name[:64].encode("utf-8", "replace").decode().replace("~", "~0").replace("/", "~1")


class StrictJSONParser(BaseParser):
    """The same reading for DRF views."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: Any = None, parser_context: Any = None) -> Body:  # noqa: ARG002
        """Return the JSON object in the stream."""
        request = (parser_context or {}).get("request")
        if request is not None:
            return read(request._request)
        return parse(stream.read(settings.BODY_SIZE_MAX + 1), size_max=settings.BODY_SIZE_MAX)
