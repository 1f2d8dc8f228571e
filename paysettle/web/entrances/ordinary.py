"""The ordinary entrance: Django's WSGI application in a fixed pool of threads, behind an ASGI server.

A body is read before it takes a thread, into memory or, when it is large, into a file; so a slow client holds no
thread. A complete response costs one hop to a thread and back; a streaming one is sent piece by piece, as fast as the
client takes it.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from urllib.parse import unquote_to_bytes
from wsgiref.util import FileWrapper

import structlog

from paysettle.api.body import BodyTooLarge, MalformedBody
from paysettle.kernel.errors import InternalError, Overloaded
from paysettle.web.entrances.messages import Message, Receive, Scope, Send, read_body, refuse, send_whole

IN_MEMORY_MAX = 256 * 1024
FILE_PIECE_SIZE = 256 * 1024

Environ = dict[str, Any]
WsgiApplication = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
Headers = list[tuple[bytes, bytes]]
Whole = tuple[int, Headers, bytes]

_log = structlog.get_logger(__name__)


class WsgiPool:
    """Answers with a WSGI application, `threads` requests at a time; `waiting_max` more may wait for a thread."""

    def __init__(self, application: WsgiApplication, *, threads: int, waiting_max: int, body_size_max: int) -> None:
        self._application = application
        self._body_size_max = body_size_max
        self._most = threads + waiting_max
        self._inside = 0  # counted on the event loop alone
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="wsgi")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; with 503 when too many wait already, with 413 when the body is larger than any may be."""
        if _declared_size(scope) > self._body_size_max:
            await refuse(scope, BodyTooLarge(), send)
            return
        with SpooledTemporaryFile(IN_MEMORY_MAX) as body:
            try:
                size = await read_body(receive, body, size_max=self._body_size_max)
            except MalformedBody as broken:
                await refuse(scope, broken, send)
                return
            if size > self._body_size_max:
                await refuse(scope, BodyTooLarge(), send)
            elif self._inside >= self._most:
                await refuse(scope, Overloaded(), send)
            else:
                await self._answer(scope, _environ(scope, body, size), _Outlet(receive, send))

    def close(self) -> None:
        """End the threads once they have answered what waits."""
        self._threads.shutdown()

    async def _answer(self, scope: Scope, environ: Environ, outlet: "_Outlet") -> None:
        self._inside += 1
        try:
            loop = asyncio.get_running_loop()
            whole = await loop.run_in_executor(self._threads, self._run, environ, outlet)
        except Exception:
            _log.exception("wsgi_failed")
            if outlet.started:
                raise  # the server breaks the connection off: half an answer must not look like a whole one
            await refuse(scope, InternalError(), outlet.send)
        else:
            if whole is not None:
                await send_whole(outlet.send, *whole)
        finally:
            self._inside -= 1
            outlet.close()

    def _run(self, environ: Environ, outlet: "_Outlet") -> Whole | None:
        """Run the application, in a thread: return its response, or None if it was a stream and is sent already."""
        start = _Start()
        result = self._application(environ, start)
        try:
            if not getattr(result, "streaming", True):  # Django's responses know; a wrapped file is a stream
                return start.status, start.headers, b"".join(result)
            outlet.stream(start.status, start.headers, result)
            return None
        finally:
            # In this thread: Django gives back the database connection of the thread that closes the response.
            close = getattr(result, "close", None)
            if close:
                close()


class _Start:
    """What WSGI calls `start_response`: keeps status and headers."""

    status = 500
    headers: Headers

    def __call__(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        self.status = int(status[:3])
        self.headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


class _Outlet:
    """Sends from a thread what is sent on the event loop, and notices when nobody listens any more."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.send = send
        self.started = False
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._left: asyncio.Future[Message] | None = None

    def stream(self, status: int, headers: Headers, pieces: Iterable[bytes]) -> None:
        """Send a response piece by piece; stop when the client has left. For a thread."""
        self._send_and_wait({"type": "http.response.start", "status": status, "headers": headers})
        for piece in pieces:
            if self._left is not None and self._left.done():
                return
            self._send_and_wait({"type": "http.response.body", "body": piece, "more_body": True})
        self._send_and_wait({"type": "http.response.body"})

    def close(self) -> None:
        """Stop listening for the client's departure."""
        if self._left is not None:
            self._left.cancel()

    def _send_and_wait(self, message: Message) -> None:
        asyncio.run_coroutine_threadsafe(self._send(message), self._loop).result()

    async def _send(self, message: Message) -> None:
        if not self.started:
            self.started = True
            # The body is complete, so the next message can only be that the client has left.
            self._left = asyncio.ensure_future(self._receive())
        await self.send(message)


def _declared_size(scope: Scope) -> int:
    value = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(value) if value.isdigit() else 0


def _environ(scope: Scope, body: IO[bytes], size: int) -> Environ:
    """Return a request as WSGI (PEP 3333) wants it. The length is the one that was read, so chunked bodies have one."""
    server, client = scope.get("server") or ("unknown", 0), scope.get("client") or ("", 0)
    environ: Environ = {
        # `post` is no POST (RFC 9110), but Django makes it one: by a name that nobody has it is refused everywhere.
        "REQUEST_METHOD": scope["method"] if scope["method"].isupper() else "UNKNOWN",
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": _file_wrapper,
    }
    for name_bytes, value in scope["headers"]:
        name = name_bytes.decode("latin-1")
        if "_" not in name:  # it would look like the header with a hyphen, past a proxy that strips that one
            key = "HTTP_" + name.upper().replace("-", "_")
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]}{_joint(name)}{text}" if key in environ else text
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ["CONTENT_LENGTH"] = str(size)
    return environ


def _joint(name: str) -> str:
    return "; " if name == "cookie" else ","


def _file_wrapper(file: IO[bytes], _size: int) -> FileWrapper:
    """Return a file in pieces larger than Django's, because each costs a hop between threads."""
    return FileWrapper(file, FILE_PIECE_SIZE)
