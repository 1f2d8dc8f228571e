"""A proxy in front of the server that cuts the connection of a request: before its answer, or somewhere within.

What is sent to the server always arrives, but for the last byte when it is told so. The answer is read to its end
before the cut, so that the server has done what it was asked, except where the cut comes as soon as it was asked.
"""

import random
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

Point = Callable[[bytes, bytes], bytes]
"""What of an answer's head and body still reaches the client."""

POINTS: dict[str, Point] = {
    "before the status line": lambda _head, _body: b"",
    "in the status line": lambda head, _body: head[:12],
    "behind the status line": lambda head, _body: head[: head.index(b"\r\n") + 2],
    "between head and body": lambda head, _body: head,
    "in the middle of the body": lambda head, body: head + body[: len(body) // 2],
    "before the last byte": lambda head, body: head + body[:-1],
}
AT_ONCE = "as soon as the request is sent"
UNFINISHED = "before the last byte of the request"
EVERYWHERE = [*POINTS, AT_ONCE, UNFINISHED]

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_TIMEOUT_S = 30


class Cutter:
    """Passes requests and answers, one after the other on each connection, until it is told to cut."""

    def __init__(self, address: str) -> None:
        url = urlsplit(address)
        self._server = (url.hostname or "127.0.0.1", url.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = 0
        self.share = 0.0
        """How many of the requests are cut somewhere, beside those that were ordered."""
        self._ordered: str | None = None
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_next(self, where: str) -> None:
        """Cut the next request there."""
        with self._lock:
            self._ordered = where

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._server) as server:
            for end in (client, server):
                end.settimeout(_TIMEOUT_S)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := b"".join(_message(client)):
                where = self._order()
                server.sendall(request[:-1] if where == UNFINISHED else request)
                if where in {UNFINISHED, AT_ONCE}:
                    return
                head, body = _message(server)
                client.sendall(head + body if where is None else POINTS[where](head, body))
                if where is not None:
                    return

    def _order(self) -> str | None:
        with self._lock:
            where, self._ordered = self._ordered, None
            if where is None and random.random() < self.share:
                where = random.choice(EVERYWHERE)
            self.cuts += where is not None
            return where


def _message(source: socket.socket) -> tuple[bytes, bytes]:
    """Return the next request or answer, its head and its body; nothing at the end of the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = source.recv(65536)
        if not piece:
            return b"", b""
        received += piece
    end = received.index(b"\r\n\r\n") + 4
    head, body = received[:end], received[end:]
    length = _LENGTH.search(head)
    while length is not None and len(body) < int(length[1]):
        piece = source.recv(65536)
        if not piece:
            break
        body += piece
    return head, body


@contextmanager
def running(address: str) -> Iterator[Cutter]:
    """Run one in front of an address for the length of a block."""
    cutter = Cutter(address)
    try:
        yield cutter
    finally:
        cutter.close()
