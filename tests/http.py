"""Calling the API in process, as somebody."""

import json
import secrets
from typing import Any

from django.test import Client as DjangoClient

from tests.people import Person
from tests.server import Reply, acting, token


class InProcess:
    """The same calls as `tests.server.Client`, without a server: Django's test client."""

    def __init__(self, who: Person | None = None) -> None:
        self._client = DjangoClient(raise_request_exception=False)
        self._headers = {"Authorization": f"Bearer {token(who)}", **acting(who)} if who else {}

    def get(self, path: str, **headers: str) -> Reply:
        """GET a path."""
        return self.send("GET", path, None, **headers)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Reply:
        """POST a JSON body with an idempotency key (a fresh one by default)."""
        return self.send("POST", path, body, **{"Idempotency-Key": key or secrets.token_hex(12), **headers})

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send anything; bytes go out as they are."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        response = self._client.generic(
            method, path, data, content_type="application/json", headers={**self._headers, **headers}
        )
        return Reply(response.status_code, response.headers, response.content.decode())
