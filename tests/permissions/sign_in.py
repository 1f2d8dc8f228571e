"""A good request for each operation of signing in: of a device that is signed in, and of anybody."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paysettle.identity import one_time_codes, queries
from paysettle.identity.operations import refresh_tokens
from paysettle.identity.tests.app_client import AUTH, PASSWORD, Answer, App, code_mailed_to
from tests.codes import code_of, give_second_factor
from tests.people import Person, person

NEW_PASSWORD = "another horse battery staple"


@dataclass(frozen=True, slots=True)
class Signing:
    """What is sent, and the status that means that it was done.

    `first` is asked for by others before they send it, so that they are in the state in which it could be done.
    """

    method: str
    path: str
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()
    done: int = 200
    first: "Signing | None" = None

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


def _factored(on: Device, method: str, path: str) -> Signing:
    """Return a request of somebody who has a second factor."""
    _give_factor(on)
    return Signing(method, path)


def _give_factor(on: Device) -> None:
    if not queries.has_second_factor(on.who.user):
        give_second_factor(on.who.user)


def _code_of_factor(on: Device) -> str:
    _give_factor(on)
    return code_of(on.who.user)


def _secret_told(on: Device) -> str:
    """Let a device ask for what the authenticator app is to be given."""
    secret: str = on.app.call("GET", TOTP).json["meta"]["secret"]
    return secret


TOTP = f"{AUTH}/account/authenticators/totp"
RECOVERY = f"{AUTH}/account/authenticators/recovery-codes"

OF_A_SESSION: dict[str, Callable[[Device], Signing]] = {
    "get_authentication_status": lambda _: Signing("GET", f"{AUTH}/auth/session"),
    "reauthenticate": lambda _: Signing("POST", f"{AUTH}/auth/reauthenticate", {"password": PASSWORD}),
    "reauthenticate_using_2fa": lambda on: Signing(
        "POST", f"{AUTH}/auth/2fa/reauthenticate", {"code": _code_of_factor(on)}
    ),
    "list_authenticators": lambda on: _factored(on, "GET", f"{AUTH}/account/authenticators"),
    "totp_authenticator_status": lambda on: _factored(on, "GET", TOTP),
    "activate_totp": lambda on: Signing(
        "POST", TOTP, {"code": one_time_codes.current(_secret_told(on))}, first=Signing("GET", TOTP)
    ),
    "deactivate_totp": lambda on: _factored(on, "DELETE", TOTP),
    "list_recovery_codes": lambda on: _factored(on, "GET", RECOVERY),
    "regenerate_recovery_codes": lambda on: _factored(on, "POST", RECOVERY),
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
    return Signing("POST", f"{AUTH}/auth/email/verify/resend")


def _second_step(app: App) -> Signing:
    """Sign in by the password and return the step that is left."""
    who = person("nina")
    give_second_factor(who.user)
    assert app.sign_in(username=who.handle).status == 401
    return Signing("POST", f"{AUTH}/auth/2fa/authenticate", {"code": code_of(who.user)})


def _refresh(path: str) -> Signing:
    return Signing("POST", path, {"refresh_token": refresh_tokens.issue(person("nina").session).refresh_token})


OF_ANYBODY: dict[str, Callable[[App], Signing]] = {
    "get_configuration": lambda _: Signing("GET", f"{AUTH}/config"),
    "signup": lambda _: Signing("POST", f"{AUTH}/auth/signup", _new_person(), done=401),
    "login": lambda _: Signing("POST", f"{AUTH}/auth/login", {"username": person("nina").handle, "password": PASSWORD}),
    "two_factor_authentication": _second_step,
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
