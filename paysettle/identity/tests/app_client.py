"""An app that signs people in over HTTP, as a real one does, and what tests do with several at once."""

import itertools
import json
import re
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from django.core import mail
from django.db import connections
from django.http import HttpResponse
from django.test import Client

AUTH = "/_allauth/app/v1"
PASSWORD = "correct horse battery staple"

T = TypeVar("T")
_addresses = itertools.count(1)


class App:
    """One device: it keeps the session token and the tokens it was given, and has an address of its own."""

    def __init__(self) -> None:
        number = next(_addresses)
        # Limits count per address: every device of a test comes from another one.
        self._client = Client(REMOTE_ADDR=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
        self.session_token: str | None = None
        self.access_token = ""
        self.refresh_token = ""

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> "Answer":
        """Send JSON and keep the tokens of the answer."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if self.session_token and path.startswith(AUTH):
            headers.setdefault("X-Session-Token", self.session_token)
        response = self._client.generic(method, path, data, content_type="application/json", headers=headers)
        answer = Answer(cast("HttpResponse", response))
        meta = answer.json.get("meta", {}) if path.startswith(AUTH) else {}
        self.session_token = meta.get("session_token", self.session_token)
        self.access_token = meta.get("access_token", self.access_token)
        self.refresh_token = meta.get("refresh_token", self.refresh_token)
        return answer

    def sign_up(self, handle: str, email: str, password: str = PASSWORD) -> "Answer":
        """Ask for an account."""
        return self.call("POST", f"{AUTH}/auth/signup", {"username": handle, "email": email, "password": password})

    def sign_in(self, password: str = PASSWORD, **login: str) -> "Answer":
        """Sign in by `username` or `email`."""
        return self.call("POST", f"{AUTH}/auth/login", {**login, "password": password})

    def verify(self, code: str) -> "Answer":
        """Send the code that came by mail."""
        return self.call("POST", f"{AUTH}/auth/email/verify", {"key": code})

    def show_password_again(self, password: str = PASSWORD) -> "Answer":
        """Prove once more who is there, as a change of address asks for."""
        return self.call("POST", f"{AUTH}/auth/reauthenticate", {"password": password})

    def enter_code(self, code: str) -> "Answer":
        """Send the code of the second factor, the second step of signing in."""
        return self.call("POST", f"{AUTH}/auth/2fa/authenticate", {"code": code})

    def show_code_again(self, code: str) -> "Answer":
        """Prove once more who is there, by a code."""
        return self.call("POST", f"{AUTH}/auth/2fa/reauthenticate", {"code": code})

    def sign_out(self) -> "Answer":
        """End the session."""
        return self.call("DELETE", f"{AUTH}/auth/session")

    def me(self, access_token: str | None = None, **headers: str) -> "Answer":
        """Ask who is signed in."""
        token = self.access_token if access_token is None else access_token
        return self.call("GET", "/api/v1/me", Authorization=f"Bearer {token}", **headers)

    def refresh(self, refresh_token: str | None = None) -> "Answer":
        """Spend a refresh token and keep what it gives."""
        token = self.refresh_token if refresh_token is None else refresh_token
        answer = self.call("POST", "/api/v1/tokens/refresh", {"refresh_token": token})
        self.access_token = answer.json.get("access_token", self.access_token)
        self.refresh_token = answer.json.get("refresh_token", self.refresh_token)
        return answer


class Answer:
    """A response: its status, its JSON, its headers."""

    def __init__(self, response: HttpResponse) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.json: dict[str, Any] = json.loads(response.content) if response.content else {}

    @property
    def code(self) -> str | None:
        """The code of a problem document, or of the first error of an allauth answer."""
        errors = self.json.get("errors") or [{}]
        found: str | None = self.json.get("code", errors[0].get("code"))
        return found

    def shape(self) -> Any:
        """What an outsider can compare: the answer with the tokens taken out."""
        shown = json.loads(json.dumps(self.json))
        for name in ("session_token", "access_token", "refresh_token"):
            shown.get("meta", {}).pop(name, None)
        return self.status, shown


def code_mailed_to(email: str) -> str | None:
    """Return the code in the last mail to an address, or None if that mail has none or there is none."""
    bodies = [message.body for message in mail.outbox if message.to == [email]]
    found = re.search(r"^([A-Z0-9]{3,4}-[A-Z0-9]{3,4})$", str(bodies[-1]), re.MULTILINE) if bodies else None
    return found[1] if found else None


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Run the calls in threads that start together; return their results. What a call raises is raised here."""
    barrier = threading.Barrier(len(calls))
    results: list[T] = []
    errors: list[BaseException] = []

    def run(call: Callable[[], T]) -> None:
        try:
            barrier.wait(timeout=20)
            results.append(call())
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    if errors:
        raise errors[0]
    return results
