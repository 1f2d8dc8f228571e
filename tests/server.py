"""The real server as real processes, for tests that need several lanes, real connections, or something to kill."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import urllib3

from paysettle.identity import tokens
from tests.people import Person
from tests.plugin import FOLDER, KIND

ROOT = Path(__file__).resolve().parent.parent
PROCESSES = 1 if KIND == "sqlite" else 2
"""One lane alone cannot show a race between lanes; SQLite has one."""

START_S = 120

TOKEN_USE_S = 120
"""A load may take longer than a token lives."""


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object in the body."""
        found: dict[str, Any] = json.loads(self.text)
        return found


class Client:
    """Somebody who calls the API: a person with a token, or nobody."""

    def __init__(self, address: str, who: Person | None = None) -> None:
        self.address = address
        self._who = who
        self._token, self._issued_at = "", 0.0
        self._pool = urllib3.PoolManager(maxsize=64, retries=False, timeout=urllib3.Timeout(30))

    @property
    def token(self) -> str:
        """An access token that is good for some more minutes; "" for nobody."""
        if self._who is not None and (not self._token or time.monotonic() - self._issued_at > TOKEN_USE_S):
            self._token, self._issued_at = token(self._who), time.monotonic()
        return self._token

    def get(self, path: str, **headers: str) -> Reply:
        """GET a path below the address."""
        return self._send("GET", path, None, headers)

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Reply:
        """POST a JSON body with an idempotency key (a fresh one by default)."""
        headers["Idempotency-Key"] = key if key is not None else secrets.token_hex(12)
        return self._send("POST", path, body, headers)

    def raw(self, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """POST these bytes with these headers and nothing else but the token."""
        response = self._pool.request(
            "POST",
            self.address + path,
            body=content,
            headers={"Authorization": f"Bearer {self.token}", **(acting(self._who) if self._who else {}), **headers},
        )
        return _whole(response)

    def pay(self, to: Person, amount_minor: int, currency: str = "EUR", *, key: str | None = None) -> Reply:
        """Pay somebody."""
        body = {"payee": to.handle, "amount": {"amount": amount_minor, "currency": currency}}
        return self.post("/api/v1/payments", body, key=key)

    def ask(self, debtor: Person, amount_minor: int, currency: str = "EUR", *, key: str | None = None) -> Reply:
        """Ask somebody to settle."""
        body = {"debtor": debtor.handle, "amount": {"amount": amount_minor, "currency": currency}, "reason": "dinner"}
        return self.post("/api/v1/settlements", body, key=key)

    def decide(self, settlement: str, verb: str, *, version: int = 1, key: str | None = None) -> Reply:
        """Approve, reject or withdraw a settlement."""
        return self.post(f"/api/v1/settlements/{settlement}/{verb}", key=key, **{"If-Match": f'"{version}"'})

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply:
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
            headers = {**(acting(self._who) if self._who else {}), **headers}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers.setdefault("Content-Type", "application/json")
        return _whole(self._pool.request(method, self.address + path, body=content, headers=headers))


def _whole(response: urllib3.BaseHTTPResponse) -> Reply:
    """Return an answer that is complete; Python takes one that was cut behind its status line for a whole one."""
    if response.status != 204 and not ("Content-Length" in response.headers or "Transfer-Encoding" in response.headers):
        raise urllib3.exceptions.ProtocolError("The answer was cut in its head.")
    return Reply(response.status, response.headers, response.data.decode())


def acting(who: Person) -> dict[str, str]:
    """Return the header that names the party somebody acts for, if it is not the one that they are."""
    return {} if who.party_id == who.user.own_party_id else {"Acting-Party": who.party}


def token(who: Person) -> str:
    """Return a fresh access token of a person's session."""
    return tokens.issue_access_token(who.session, who.user, datetime.now(UTC))


class Server:
    """`manage.py serve` on a free port."""

    def __init__(self, *, processes: int = PROCESSES, threads: int = 64, **environment: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        sizes = ["--processes", str(processes), "--threads", str(threads)]
        self.command = [sys.executable, "manage.py", "serve", "--port", str(self.port), *sizes]
        self._environment = {**os.environ, **environment}
        self.process: subprocess.Popen[bytes] | None = None
        self.log = FOLDER / f"serve-{self.port}.log"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        give_up_at = time.monotonic() + START_S
        while time.monotonic() < give_up_at:
            try:
                # 301: it is told to be reached by https alone.
                if urllib3.request("GET", self.address + "/healthz", retries=False, timeout=2).status in {200, 301}:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"The server did not start: {self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """End it as an operator would."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """`kill -9` of it and its processes."""
        self._signal(signal.SIGKILL)

    def client(self, who: Person | None = None) -> Client:
        """Return a client for somebody."""
        return Client(self.address, who)

    def _signal(self, number: int) -> None:
        if self.process is None:
            return
        os.killpg(self.process.pid, number)
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


@contextmanager
def running(*, processes: int = PROCESSES, threads: int = 64, **environment: str) -> Iterator[Server]:
    """Run a server for the length of a block."""
    server = Server(processes=processes, threads=threads, **environment)
    try:
        server.start()
        yield server
    finally:
        server.stop()
