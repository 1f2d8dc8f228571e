"""One connection on which anything can be said: half a request, two at once, a body in pieces."""

import json
import secrets
import socket
import time
from collections.abc import Iterable
from http.client import HTTPResponse
from typing import IO, Any, Self

from urllib3 import HTTPHeaderDict

from tests.people import Person
from tests.server import Reply, Server, acting, token

TIMEOUT_S = 30
LAST_CHUNK = b"0\r\n\r\n"


def head(method: str, path: str, headers: dict[str, str]) -> bytes:
    """Return a request up to its body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in ({"Host": "127.0.0.1"} | headers).items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


def payment_headers(by: Person, **changed: str) -> dict[str, str]:
    """Return what a payment needs beside its body."""
    return {
        "Authorization": f"Bearer {token(by)}",
        **acting(by),
        "Content-Type": "application/json",
        "Idempotency-Key": secrets.token_hex(12),
        **changed,
    }


def payment(by: Person, to: Person, amount_minor: int, **changed: str) -> bytes:
    """Return a whole request to pay."""
    body = payment_body(to, amount_minor)
    return head("POST", "/api/v1/payments", payment_headers(by, **{"Content-Length": str(len(body)), **changed})) + body


def payment_body(to: Person, amount_minor: int) -> bytes:
    """Return the body of a request to pay."""
    return json.dumps({"payee": to.handle, "amount": {"amount": amount_minor, "currency": "EUR"}}).encode()


def chunk(piece: bytes) -> bytes:
    """Return a piece of a chunked body."""
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


class Wire:
    """A connection to a server."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def send(self, *pieces: bytes, pause_s: float = 0) -> None:
        """Send pieces, each in a packet of its own."""
        for piece in pieces:
            self._socket.sendall(piece)
            time.sleep(pause_s)

    def reply(self, *, method: str = "POST") -> Reply:
        """Read the next answer."""
        response = HTTPResponse(_Reader(self._file), method=method)  # type: ignore[arg-type]  # all that it asks of a socket
        response.begin()
        text = response.read().decode()
        return Reply(response.status, HTTPHeaderDict(response.getheaders()), text)

    def read(self, size: int) -> bytes:
        """Read bytes as they come."""
        return self._file.read1(size)

    def close(self) -> None:
        """Leave."""
        self._file.close()
        self._socket.close()


class _Reader:
    """Lets several answers be read from one connection: HTTPResponse closes the file that it is given."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def makefile(self, *_mode: Any) -> "_Reader":
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        pass


def chunked(pieces: Iterable[bytes]) -> bytes:
    """Return a chunked body."""
    return b"".join(map(chunk, pieces)) + LAST_CHUNK
