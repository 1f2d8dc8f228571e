"""What a sign-in keeps between its steps of the password that it began with: it ends when there is another one."""

from django.contrib.sessions.backends.base import SessionBase
from django.utils.crypto import constant_time_compare

from paysettle.identity.models import User

_KEY = "sign_in.password"


def keep(session: SessionBase, user: User) -> None:
    """Bind what is pending in a session to the password that was right; the person is as they were read for that."""
    session[_KEY] = user.get_session_auth_hash()


def is_of_password(session: SessionBase, user: User) -> bool:
    """Tell whether what is pending in a session began with the password that the person, read just now, has."""
    return constant_time_compare(session.get(_KEY, ""), user.get_session_auth_hash())
