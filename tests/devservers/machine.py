"""What tests of servers share: a machine that they look at, and a port on which somebody else answers."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from devservers.errors import Unavailable
from devservers.server import Server

S = TypeVar("S", bound=Server)

WAIT_S = 20.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@contextmanager
def own(server: S) -> Iterator[S]:
    """Run a real server of a test's own, whatever this run has beside; skip and say why where it cannot be had."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(server.address_variable, raising=False)  # else that one would be used
        try:
            server.start()
        except Unavailable as error:
            pytest.skip(error.reason)
    try:
        yield server
    finally:
        server.stop()


class Answering:
    """A listener that gives the same answer to whoever connects."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._serve, daemon=True).start()
        port: int = self._socket.getsockname()[1]
        return port

    def _serve(self) -> None:
        try:
            while True:
                connection, _ = self._socket.accept()
                with connection:
                    connection.sendall(self._answer)
        except OSError:
            pass  # closed

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped by a stranger does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
