"""Somebody who pays again and again until they may not any more."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.server import Reply

THREADS = 8


@dataclass(frozen=True, slots=True)
class Sent:
    """When a request was sent, and what came of it."""

    at: float
    code: str


def paid_around(pay: Callable[[], Reply], end: Callable[[], None]) -> tuple[list[Sent], float]:
    """Pay in several threads while `end` is called; return what came of it, and when `end` had answered."""
    sent: list[Sent] = []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            at = time.monotonic()
            reply = pay()
            sent.append(Sent(at, "ok" if reply.status == 201 else reply.document["code"]))

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    end()
    ended = time.monotonic()
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join()
    return sent, ended
