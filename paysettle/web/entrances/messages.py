"""What both entrances do with ASGI messages: read a body within bounds, answer with what every response carries."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from io import BytesIO
from typing import IO, Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from structlog.contextvars import clear_contextvars

from paysettle.api import problems, request_ids
from paysettle.api.body import MalformedBody
from paysettle.api.middleware import finish
from paysettle.kernel.errors import DomainError
from paysettle.web.security import ContentSecurityPolicyMiddleware

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
View = Callable[[HttpRequest], Awaitable[HttpResponse]]
Header = tuple[bytes, bytes]

BODY_S = 60
"""How long a body may take to arrive. A slow one holds a connection, never a thread."""


async def read_body(receive: Receive, into: IO[bytes], *, size_max: int) -> int:
    """Write the body to a file, go back to the file's start, and return how many bytes were read.

    Reading stops as soon as there are more than `size_max`. Raises MalformedBody where the body breaks off, and after
    BODY_S.
    """
    size = 0
    more = True
    try:
        async with asyncio.timeout(BODY_S):
            while more and size <= size_max:
                message = await receive()
                if message["type"] == "http.disconnect":
                    # The client has left, or has sent chunks that are none: the server does not say which.
                    raise MalformedBody("The body ended early.", reason="incomplete")
                piece = message.get("body", b"")
                size += into.write(piece)
                more = message.get("more_body", False)
    except TimeoutError:
        raise MalformedBody("The body did not arrive in time.", reason="incomplete") from None
    into.seek(0)
    return size


def request_of(scope: Scope, body: IO[bytes]) -> HttpRequest:
    """Return Django's view of a request, without its query: no view that is answered here reads one."""
    # Django decodes the query as UTF-8 and fails on any other bytes.
    return ASGIRequest({**scope, "query_string": b""}, body)


async def answer(request: HttpRequest, view: View, send: Send, *, route: str | None) -> None:
    """Answer a request with what a view returns, with the request id, the headers and the log line of every answer."""
    clear_contextvars()
    started = time.perf_counter()
    request_id = request_ids.begin(request.META.get("HTTP_X_REQUEST_ID", ""))
    try:
        response = await view(request)
    except Exception:
        response = problems.fault("request_failed")
    finish(request, response, request_id=request_id, route=route, started=started)
    content = response.content
    length = (b"Content-Length", b"%d" % len(content))
    headers = [*_in_bytes(response), length, *_standing_headers(request.path, secure=request.is_secure())]
    await send_whole(send, response.status_code, headers, content)


async def refuse(scope: Scope, error: DomainError, send: Send, *, route: str | None = None) -> None:
    """Answer a request that goes no further."""

    async def view(_request: HttpRequest) -> HttpResponse:
        return problems.response(error)

    await answer(request_of(scope, BytesIO()), view, send, route=route)


async def send_whole(send: Send, status: int, headers: list[Header], content: bytes) -> None:
    """Send a response that is complete."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


@lru_cache(maxsize=64)
def _standing_headers(path: str, *, secure: bool) -> tuple[Header, ...]:
    """Return the headers that the middleware gives to any response of a path, by asking the middleware itself.

    No view that is answered here sets one of them.
    """
    scope = {"path": path, "method": "GET", "scheme": "https" if secure else "http"}
    request = ASGIRequest(scope, BytesIO())
    response = ContentSecurityPolicyMiddleware(lambda _request: HttpResponse())(request)
    for middleware in (SecurityMiddleware, XFrameOptionsMiddleware):
        middleware(lambda _request: response).process_response(request, response)
    del response.headers["Content-Type"]
    return tuple(_in_bytes(response))


def _in_bytes(response: HttpResponse) -> list[Header]:
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.headers.items()]
