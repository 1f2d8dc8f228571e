"""The processes of a server: they end with the one that started them, and one that dies is replaced."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3

from tests.server import Server

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes are not told of their parent's end"),
]


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _wait(until: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 30
    while not until():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.05)


def _answers(server: Server) -> bool:
    try:
        return urllib3.request("GET", server.address + "/healthz", retries=False, timeout=2).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _pid(server: Server) -> int:
    assert server.process is not None
    return server.process.pid


def test_they_end_with_their_parent() -> None:
    server = Server()
    server.start()
    try:
        children = _children(_pid(server))
        assert children
        os.kill(_pid(server), signal.SIGKILL)
        assert server.process is not None
        server.process.wait()
        _wait(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
        server.start()  # the port is free again
        assert _answers(server)
    finally:
        server.stop()


def test_one_that_dies_is_replaced() -> None:
    server = Server()
    server.start()
    try:
        (child,) = _children(_pid(server))
        os.kill(child, signal.SIGKILL)
        _wait(lambda: child not in _children(_pid(server)) and _answers(server))
    finally:
        server.stop()
