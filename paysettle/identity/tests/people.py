"""People who are signed in, made by the operations themselves."""

import secrets
from dataclasses import dataclass

from paysettle.identity.caller import Caller
from paysettle.identity.models import LoginSession, User
from paysettle.identity.operations import refresh_tokens, registration, sessions
from paysettle.identity.roles import StaffRole
from paysettle.identity.tests.app_client import PASSWORD, App
from tests.codes import give_second_factor


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a verified address and one session."""

    user: User
    session: LoginSession
    email: str

    @property
    def handle(self) -> str:
        """The handle of the person's party."""
        return self.user.username

    @property
    def caller(self) -> Caller:
        """The person, acting for themself."""
        return Caller(user_id=self.user.id, session_id=self.session.id, party_id=self.user.own_party_id)

    def app(self) -> App:
        """Return a device that holds the tokens of the session (and no session token)."""
        pair = refresh_tokens.issue(self.session)
        device = App()
        device.access_token, device.refresh_token = pair.access_token, pair.refresh_token
        return device


def person(name: str, *, staff: bool = False) -> Person:
    """Make somebody whose handle begins with the name; staff have a second factor and have shown it."""
    handle = f"{name}-{secrets.token_hex(4)}"
    email = f"{handle}@example.org"
    role = StaffRole.ADMINISTRATOR if staff else None
    user = registration.register(handle=handle, email=email, password=PASSWORD, verified=True, staff_role=role)
    if staff:
        give_second_factor(user)
    return Person(user, sessions.begin(user, secrets.token_hex(16), second_factor=staff), email)
