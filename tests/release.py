"""Requests released together: every byte but the last is sent, then the last bytes go out at once."""

import json
import secrets
import socket
from collections.abc import Mapping, Sequence
from http.client import HTTPResponse
from typing import Any

from urllib3 import HTTPHeaderDict

from tests.people import Person
from tests.server import Reply, Server, acting, token

Request = tuple[str, Person, Mapping[str, Any], Mapping[str, str]]
"""A path, who posts to it, the body, further headers (a fresh idempotency key unless one is given)."""

TIMEOUT_S = 30


def released_together(server: Server, requests: Sequence[Request]) -> list[Reply]:
    """Send the requests so that they complete at the same moment; return the replies in order."""
    tokens: dict[str, str] = {}
    ready: list[tuple[socket.socket, bytes]] = []
    for path, who, body, headers in requests:
        bearer = tokens.setdefault(who.user.username, token(who))
        raw = _raw(server, path, bearer, body, {**acting(who), **headers})
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(raw[:-1])
        ready.append((connection, raw[-1:]))
    for connection, last in ready:
        connection.sendall(last)
    return [_reply(connection) for connection, _ in ready]


def _raw(server: Server, path: str, bearer: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
    content = json.dumps(body).encode()
    lines = {
        "Host": f"127.0.0.1:{server.port}",
        "Authorization": f"Bearer {bearer}",
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        "Idempotency-Key": secrets.token_hex(12),
        "Connection": "close",
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + content


def _reply(connection: socket.socket) -> Reply:
    with connection:
        response = HTTPResponse(connection)
        response.begin()
        text = response.read().decode()
        return Reply(response.status, HTTPHeaderDict(response.getheaders()), text)
