"""What a password must be, at every door where one is chosen."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from paysettle.identity.models import User

LENGTH_MAX = 256


def check_new_password(password: str, user: User | None = None) -> None:
    """Raise ValidationError for a password that is too long, too short, common, or too like the person."""
    if len(password) > LENGTH_MAX:
        raise ValidationError(f"At most {LENGTH_MAX} characters are allowed.", code="password_too_long")
    validate_password(password, user)
