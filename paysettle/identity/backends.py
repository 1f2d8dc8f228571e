"""Whose password it is."""

from allauth.account.auth_backends import AuthenticationBackend

from paysettle.identity import queries
from paysettle.identity.models import User


class PasswordBackend(AuthenticationBackend):  # type: ignore[misc]
    """allauth's, but that an e-mail address stands for whoever has verified it, and for nobody else.

    allauth tries everybody who claims an address: how long it takes, and what it answers to the password of one of
    them, tell that it is claimed. Whoever has not verified theirs yet signs in by handle.
    """

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        found: User | None = self._check_password(queries.person_of_address(email), password)
        return found
