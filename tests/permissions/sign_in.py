"""A good request for each operation of signing in: of a device that is signed in, and of anybody."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache

from paysettle.identity.operations import refresh_tokens
from paysettle.identity.tests.app_client import AUTH, PASSWORD, Answer, App, code_mailed_to
from tests.people import Person, person

NEW_PASSWORD = "another horse battery staple"


@dataclass(frozen=True, slots=True)
class Signing:
    """What is sent, and the statuses that mean that it was done."""

    method: str
    path: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    done: int = 200

    def send(self, app: App, **headers: str) -> Answer:
        """Send it from a device."""
        return app.call(self.method, self.path, self.body, **{**dict(self.headers), **headers})


@dataclass(frozen=True, slots=True)
class Device:
    """Somebody's device: signed in, and the password was shown again a moment ago."""

    who: Person
    app: App


def device(name: str) -> Device:
    """Let somebody sign in."""
    who, app = person(name), App()
    assert app.sign_in(username=who.handle).status == 200
    assert app.show_password_again().status == 200
    return Device(who, app)


def _claimed(on: Device) -> str:
    """Let the person of a device claim another address, as yet unverified, and return it."""
    email = _new_address()
    assert on.app.call("POST", f"{AUTH}/account/email", {"email": email}).status == 200
    cache.clear()  # a minute later: another code may be asked for
    return email


def _new_address() -> str:
    return f"new-{secrets.token_hex(6)}@example.org"


OF_A_SESSION: dict[str, Callable[[Device], Signing]] = {
    "get_authentication_status": lambda _: Signing("GET", f"{AUTH}/auth/session"),
    "reauthenticate": lambda _: Signing("POST", f"{AUTH}/auth/reauthenticate", {"password": PASSWORD}),
    "change_password": lambda _: Signing(
        "POST", f"{AUTH}/account/password/change", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    ),
    "logout": lambda _: Signing("DELETE", f"{AUTH}/auth/session", done=401),
}


def _new_person() -> dict[str, str]:
    handle = f"nina-{secrets.token_hex(4)}"
    return {"username": handle, "email": f"{handle}@example.org", "password": PASSWORD}


def _code_after_sign_up(app: App) -> str:
    said = _new_person()
    app.call("POST", f"{AUTH}/auth/signup", said)
    return _code(said["email"])


def _code_for_a_reset(app: App) -> str:
    email = person("nina").email
    app.call("POST", f"{AUTH}/auth/password/request", {"email": email})
    return _code(email)


def _code(email: str) -> str:
    code = code_mailed_to(email)
    assert code is not None
    return code


def _resend(app: App) -> Signing:
    _code_after_sign_up(app)
    cache.clear()
    return Signing("POST", f"{AUTH}/auth/email/verify/resend")


def _refresh(path: str) -> Signing:
    return Signing("POST", path, {"refresh_token": refresh_tokens.issue(person("nina").session).refresh_token})


OF_ANYBODY: dict[str, Callable[[App], Signing]] = {
    "get_configuration": lambda _: Signing("GET", f"{AUTH}/config"),
    "signup": lambda _: Signing("POST", f"{AUTH}/auth/signup", _new_person(), done=401),
    "login": lambda _: Signing("POST", f"{AUTH}/auth/login", {"username": person("nina").handle, "password": PASSWORD}),
    "get_email_verification_information": lambda app: Signing(
        "GET", f"{AUTH}/auth/email/verify", headers=(("X-Email-Verification-Key", _code_after_sign_up(app)),)
    ),
    "verify_an_email": lambda app: Signing("POST", f"{AUTH}/auth/email/verify", {"key": _code_after_sign_up(app)}),
    "resend_email_verification_code": _resend,
    "request_password": lambda _: Signing(
        "POST", f"{AUTH}/auth/password/request", {"email": person("nina").email}, done=401
    ),
    "get_password_reset_information": lambda app: Signing(
        "GET", f"{AUTH}/auth/password/reset", headers=(("X-Password-Reset-Key", _code_for_a_reset(app)),)
    ),
    "reset_password": lambda app: Signing(
        "POST", f"{AUTH}/auth/password/reset", {"key": _code_for_a_reset(app), "password": NEW_PASSWORD}, done=401
    ),
    "refresh_tokens": lambda _: _refresh("/api/v1/tokens/refresh"),
    "refresh_the_access_token": lambda _: _refresh(f"{AUTH}/tokens/refresh"),
}
