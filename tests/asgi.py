"""An ASGI server of the smallest kind, in this process: for tests that look inside, or take a part away."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

from urllib3 import HTTPHeaderDict

from paysettle.web.entrances.messages import Application, Message
from tests.server import Reply


class AsgiClient:
    """Calls an application; `taken` counts the pieces of the last body that were asked for."""

    def __init__(self, application: Application, *, scheme: str = "http") -> None:
        self._application = application
        self._scheme = scheme
        self.taken = 0

    def send(self, method: str, path: str, pieces: Iterable[bytes] = (b"",), **headers: str) -> Reply | None:
        """Send a request whose body comes in pieces; None when there is no answer. With no piece the client leaves."""
        return asyncio.run(self._send(method, path, iter(pieces), headers))

    async def _send(self, method: str, path: str, pieces: Iterator[bytes], headers: dict[str, str]) -> Reply | None:
        scope = self.scope(method, path, {"Host": "127.0.0.1"} | headers)
        sent: list[Message] = []
        self.taken = 0
        following = next(pieces, None)

        async def receive() -> Message:
            nonlocal following
            await asyncio.sleep(0)
            if following is None:
                return {"type": "http.disconnect"}
            piece, following = following, next(pieces, None)
            self.taken += 1
            return {"type": "http.request", "body": piece, "more_body": following is not None}

        async def send(message: Message) -> None:
            await asyncio.sleep(0)
            sent.append(message)

        await self._application(scope, receive, send)
        if not sent:
            return None
        pairs = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
        return Reply(sent[0]["status"], HTTPHeaderDict(pairs), b"".join(m.get("body", b"") for m in sent[1:]).decode())

    def scope(self, method: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
        """Return what a server says of a request before its body."""
        path, _, query = path.partition("?")
        return {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": self._scheme,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
