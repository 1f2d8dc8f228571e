"""A proxy in front of MariaDB or MySQL that cuts the connection at COMMIT, before the server got it or after.

It reads the packets of the protocol (three bytes of length, one of sequence, then the command) and lets everything pass
but what it was told to cut.
"""

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit

from tests.plugin import DATABASE_URL

Where = Literal["before", "after"]

_QUERY = 3
_MORE_RESULTS = 8
_TLS = 0x0800
_COMMIT = re.compile(rb"COMMIT\Z")


class Proxy:
    """Passes bytes between clients and the database of this run, until it is told to cut."""

    def __init__(self) -> None:
        url = urlsplit(DATABASE_URL)
        self._server = (url.hostname or "127.0.0.1", url.port or 3306)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = DATABASE_URL.replace(f"{url.hostname}:{url.port}", f"127.0.0.1:{self.port}")
        self.cuts = 0
        self.refusing = False
        self._where: Where | None = None
        self._refuse_afterwards = False
        self._lock = threading.Lock()
        self._pairs: set[_Pair] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at_commit(self, where: Where, *, refuse_afterwards: bool = False) -> None:
        """Cut the next COMMIT; then perhaps take no new connections either."""
        with self._lock:
            self._where, self._refuse_afterwards = where, refuse_afterwards

    def cut_all(self) -> None:
        """Cut every connection that is open now."""
        for pair in list(self._pairs):
            pair.close()

    def close(self) -> None:
        """End it."""
        self._listener.close()
        self.cut_all()

    def order(self, query: bytes) -> Where | None:
        """Return whether and where to cut at this query."""
        if not _COMMIT.search(query):
            return None
        with self._lock:
            if self._where is None:
                return None
            where, self._where = self._where, None
            self.cuts += 1
            self.refusing = self.refusing or self._refuse_afterwards
            return where

    def forget(self, pair: "_Pair") -> None:
        """Forget a connection that has ended."""
        self._pairs.discard(pair)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.refusing:
                    client.close()
                    continue
                self._pairs.add(_Pair(self, client, socket.create_connection(self._server)))


class _Pair:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._muted = False
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answered = threading.Event()
        for work in (self._up, self._down):
            threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._answered.set()
        self._proxy.forget(self)

    def _up(self) -> None:
        """From the client to the server."""
        with suppress(OSError):
            for packet in _packets(self._client):
                is_query = packet[3] == 0 and packet[4:5] == bytes([_QUERY])
                where = self._proxy.order(packet[5:]) if is_query else None
                if where == "before":
                    break
                self._muted = where == "after"
                self._server.sendall(packet)
                if where == "after":
                    self._answered.wait(timeout=10)
                    break
        self.close()

    def _down(self) -> None:
        """From the server to the client; when muted until the answer is complete."""
        with suppress(OSError):
            packets = _packets(self._server)
            self._client.sendall(_without_tls(next(packets, b"")))
            for packet in packets:
                if not self._muted:
                    self._client.sendall(packet)
                elif _is_last(packet):
                    self._answered.set()
        self.close()


def _packets(source: socket.socket) -> Iterator[bytes]:
    """Yield the packets that arrive, each with its head."""
    buffer = b""
    while received := source.recv(65536):
        buffer += received
        while len(buffer) >= 4 and len(buffer) >= (end := 4 + int.from_bytes(buffer[:3], "little")):
            yield buffer[:end]
            buffer = buffer[end:]


def _without_tls(greeting: bytes) -> bytes:
    """Return the server's greeting without its offer of TLS, through which no proxy sees."""
    capabilities = greeting.index(b"\0", 5) + 14  # behind version, connection number, 8 random bytes and a filler
    (flags,) = struct.unpack_from("<H", greeting, capabilities)
    return greeting[:capabilities] + struct.pack("<H", flags & ~_TLS) + greeting[capabilities + 2 :]


def _is_last(packet: bytes) -> bool:
    """Tell whether this answer of the server is its last to a query of one or several statements."""
    if packet[4] == 0xFF:
        return True
    at = 5
    for _ in range(2):  # rows touched, last id: numbers of one byte, or of 2, 3 or 8 behind a mark
        at += {0xFC: 3, 0xFD: 4, 0xFE: 9}.get(packet[at], 1)
    (status,) = struct.unpack_from("<H", packet, at)
    return not status & _MORE_RESULTS


@contextmanager
def running() -> Iterator[Proxy]:
    """Run a proxy for the length of a block."""
    proxy = Proxy()
    try:
        yield proxy
    finally:
        proxy.close()
