"""Who is calling? By the product's tokens."""

from datetime import UTC, datetime

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from paysettle.identity import tokens
from paysettle.identity.models import User
from paysettle.identity.tokens import AccessToken, InvalidToken


class TokenAuthentication(BaseAuthentication):
    """The product's tokens; the user is read from the database, as packages for JWT do."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken]:
        """Return the user and what the token says."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            claims = tokens.verify_access_token(token, datetime.now(UTC))
        except InvalidToken as error:
            raise AuthenticationFailed from error
        return User.objects.get(id=claims.user_id, is_active=True), claims
