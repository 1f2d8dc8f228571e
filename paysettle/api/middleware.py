"""What every response carries: its request id, and `no-store` where it is private."""

import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import clear_contextvars

from paysettle.api import request_ids

_log = structlog.get_logger("paysettle.http")


class RequestIdMiddleware:
    """Accept or make `X-Request-Id`, return it, and log one line for the request: no query, no body, no address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        clear_contextvars()
        started = time.perf_counter()
        request_id = request_ids.begin(request.META.get("HTTP_X_REQUEST_ID", ""))
        response = self._get_response(request)
        route = request.resolver_match.route if request.resolver_match else None
        finish(request, response, request_id=request_id, route=route, started=started)
        return response


def finish(request: HttpRequest, response: HttpResponse, *, request_id: str, route: str | None, started: float) -> None:
    """Complete a response and log its line; `started` is a reading of `time.perf_counter`."""
    response.headers["X-Request-Id"] = request_id
    if not request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    _log.info(
        "request",
        method=request.method,
        route=route,
        status=response.status_code,
        duration_ms=round((time.perf_counter() - started) * 1000, 1),
    )
