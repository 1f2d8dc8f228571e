"""Problem documents (RFC 9457): the one form in which the API says no.

Refusals of the domain are rendered as they are; those of Django and DRF are turned into the refusals below first.
"""

import json
from http import HTTPStatus
from typing import Any

import structlog
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

from paysettle.api import request_ids
from paysettle.api.body import BadRequest, BodyTooLarge, MalformedBody, UnsupportedMediaType
from paysettle.kernel.errors import DomainError, InternalError, NotFound, Unavailable
from paysettle.kernel.faults import Fault, classify
from paysettle.kernel.idempotency import Answer
from paysettle.kernel.throttles import Throttled

CONTENT_TYPE = "application/problem+json"

_RETRY_AFTER_S = "1"
_log = structlog.get_logger(__name__)


class Unauthenticated(DomainError):
    """There is no valid access token."""

    code = "unauthenticated"
    status = 401
    title = "A valid access token is needed."


class Forbidden(DomainError):
    """The caller may not do this."""

    code = "forbidden"
    status = 403
    title = "You may not do this."


class MethodNotAllowed(DomainError):
    """The address exists, the method does not."""

    code = "method_not_allowed"
    status = 405
    title = "This method is not available here."


class NotAcceptable(DomainError):
    """None of the asked-for representations exists."""

    code = "not_acceptable"
    status = 406
    title = "Only application/json can be answered."


def response(error: DomainError) -> HttpResponse:
    """Return the problem document of a refusal as a plain Django response."""
    request_id = request_ids.current()
    found = HttpResponse(
        json.dumps(error.problem(request_id=request_id)), status=error.status, content_type=CONTENT_TYPE
    )
    for name, value in _headers(error).items():
        found.headers[name] = value
    return found


def fault(message: str) -> HttpResponse:
    """Log the exception that is being handled and return the answer to a fault of ours."""
    _log.exception(message)
    return response(InternalError())


def answer_response(answer: Answer) -> HttpResponse:
    """Return the answer of the lane: the same bytes for a replay, which says so and names the first request."""
    content_type = CONTENT_TYPE if answer.status >= HTTPStatus.BAD_REQUEST else "application/json"
    found = HttpResponse(answer.text.encode(), status=answer.status, content_type=content_type)
    if answer.replayed:
        mark_replayed(found, answer)
    return found


def mark_replayed(found: HttpResponse, answer: Answer) -> None:
    """Say that an answer is that of an earlier request, and which."""
    found.headers["Idempotent-Replayed"] = "true"
    found.headers["Original-Request-Id"] = answer.request_id


def exception_handler(error: Exception, _context: dict[str, Any]) -> Response | None:
    """Turn what a DRF view raised into a problem document; None lets Django answer 500."""
    domain = as_domain_error(error)
    if domain is None:
        return None
    document = domain.problem(request_id=request_ids.current())
    return Response(document, status=domain.status, headers=_headers(domain), content_type=CONTENT_TYPE)


_MEANING: dict[type[Exception], type[DomainError]] = {
    Http404: NotFound,
    exceptions.NotFound: NotFound,
    exceptions.NotAuthenticated: Unauthenticated,
    exceptions.AuthenticationFailed: Unauthenticated,
    PermissionDenied: Forbidden,
    exceptions.PermissionDenied: Forbidden,
    exceptions.MethodNotAllowed: MethodNotAllowed,
    exceptions.UnsupportedMediaType: UnsupportedMediaType,
    exceptions.NotAcceptable: NotAcceptable,
    RequestDataTooBig: BodyTooLarge,
    SessionInterrupted: Unauthenticated,  # it was ended while this was answered
    exceptions.ParseError: MalformedBody,
}


def as_domain_error(error: Exception) -> DomainError | None:
    """Return the refusal that an exception of Django or DRF means, or None for a fault of ours."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, Error) and classify(error) not in {Fault.BUG, Fault.DUPLICATE}:
        return Unavailable()
    if isinstance(error, exceptions.Throttled):
        return Throttled(retry_after_s=int(getattr(error, "wait", None) or 1))
    return next((refusal() for kind, refusal in _MEANING.items() if isinstance(error, kind)), None)


def page_not_found(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - named by Django
    """Answer an address that does not exist."""
    return response(NotFound())


def server_error(_request: HttpRequest) -> HttpResponse:
    """Answer a fault of ours: no trace, no SQL, no path."""
    return response(InternalError())


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself refused (a foreign host name, too many fields)."""
    return response(as_domain_error(exception) or BadRequest())


def permission_denied(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - named by Django
    """Answer a refused permission outside of the API."""
    return response(Forbidden())


def csrf_failure(_request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without its token."""
    return response(Forbidden(f"The form has no valid CSRF token. {reason}".strip()))


def _headers(error: DomainError) -> dict[str, str]:
    headers = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = f'Bearer error="{error.code}"'
    if error.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers["Retry-After"] = str(error.members.get("retry_after_s", _RETRY_AFTER_S))
    return headers
