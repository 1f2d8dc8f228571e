"""Attempts of strangers, each from an address of its own, and the planted bug that nothing of a limit is counted."""

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from django.test import override_settings

from paysettle.identity.tests.app_client import AUTH, Answer, App
from paysettle.identity.tests.people import Person
from paysettle.kernel import throttles
from paysettle.kernel.throttles import Limit, Slot
from tests.companies import Company, send

WRONG = "a wrong password"

HASHED_CHEAPLY = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
"""Hundreds of guesses: how long each takes is another test's."""

_numbers = itertools.count(1)


def address() -> str:
    """Return an address that nobody has used."""
    number = next(_numbers)
    return f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def app_at(place: str) -> App:
    """Return a device at an address."""
    app = App()
    app._client.defaults["REMOTE_ADDR"] = place
    return app


def guess(name: str, place: str, **headers: str) -> int:
    """Try a wrong password and return the status."""
    return app_at(place).call("POST", f"{AUTH}/auth/login", {"username": name, "password": WRONG}, **headers).status


def signs_in(who: Person, place: str) -> bool:
    return app_at(place).sign_in(username=who.handle).status == 200


@contextmanager
def without(limit: Limit) -> Iterator[None]:
    """Plant the bug: this one limit counts nothing."""
    take = throttles.take

    def lenient(asked: Limit, subject: str) -> Slot:
        return Slot(b"") if asked == limit else take(asked, subject)

    with patch.object(throttles, "take", lenient):
        yield


def email() -> str:
    return f"nobody-{secrets.token_hex(6)}@example.org"


def sign_up(place: str, to: str) -> int:
    return app_at(place).sign_up(f"new-{secrets.token_hex(6)}", to).status


def ask_for_reset(place: str, to: str) -> int:
    return app_at(place).call("POST", f"{AUTH}/auth/password/request", {"email": to}).status


def change_password(app: App) -> Answer:
    """Try to change a password by a wrong one."""
    body = {"current_password": WRONG, "new_password": "x" * 20}
    return app.call("POST", f"{AUTH}/account/password/change", body)


def invite(by: Company, victim: str) -> int:
    """Invite somebody to a company; return the status."""
    body = {"email": victim, "role": "payer"}
    return send(by.acted_for_by(by.owner), "POST", f"{by.path}/invitations", body).status
