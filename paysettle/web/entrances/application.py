"""The ASGI application: it decides by which entrance a request comes in."""

import asyncio

from django.conf import settings

from paysettle.api.body import BadRequest
from paysettle.kernel.lane import lane
from paysettle.payments.api.payments import create_payment
from paysettle.web.entrances.hot import LeanHandler
from paysettle.web.entrances.messages import Receive, Scope, Send, refuse
from paysettle.web.entrances.ordinary import WsgiApplication, WsgiPool
from paysettle.web.health import alive

HOT = {
    ("POST", "/api/v1/payments"): create_payment,
    # On the event loop, so that a process whose threads are all busy is not taken for a dead one.
    ("GET", "/healthz"): alive,
}

WAITING_PER_THREAD = 4

SINGLE = frozenset({b"acting-party", b"authorization", b"content-type", b"host", b"idempotency-key", b"if-match"})
"""Headers of which one is meant. Two would be joined to one that nobody sent: another key, another version."""


class Entrances:
    """Hot addresses on the event loop, everything else in `threads` threads."""

    def __init__(self, wsgi: WsgiApplication, *, threads: int) -> None:
        self._ordinary = WsgiPool(
            wsgi,
            threads=threads,
            waiting_max=threads * WAITING_PER_THREAD,
            body_size_max=settings.REQUEST_SIZE_MAX,
        )
        self._hot = LeanHandler(HOT, otherwise=self._ordinary)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live through the start and the end of the process."""
        if scope["type"] == "http":
            single = [name for name, _ in scope["headers"] if name in SINGLE]
            if len(single) == len(set(single)):
                await self._hot(scope, receive, send)
            else:
                await refuse(scope, BadRequest("A header that may stand once stands twice."), send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            raise ValueError(f"There is no entrance for {scope['type']}.")

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                # Every answer is out by now. What is left in the lane are orders whose callers did not wait.
                await asyncio.to_thread(self._close)
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    def _close(self) -> None:
        self._ordinary.close()
        lane.close()
