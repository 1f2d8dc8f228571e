"""The code that a person's authenticator app shows: for the demo, whose staff have no phone."""

import time

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from django.core.cache import cache

from paysettle.identity.models import User
from paysettle.identity.operations.second_factors import PURPOSE
from paysettle.kernel import encryption


def new_secret() -> str:
    """Return a random secret of a second factor."""
    secret: str = generate_totp_secret()
    return secret


def current(secret: str) -> str:
    """Return the code of this moment."""
    code: str = format_hotp_value(hotp_value(secret, int(time.time()) // app_settings.TOTP_PERIOD))
    return code


def left_s() -> float:
    """Return for how many seconds the code of this moment is good."""
    period_s: int = app_settings.TOTP_PERIOD
    return period_s - time.time() % period_s


def current_of(user: User) -> tuple[str, bool] | None:
    """Return the code of this moment of a person and whether it was used; None without a second factor."""
    factor = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if factor is None:
        return None
    code = current(encryption.unseal(factor.data["secret"], purpose=PURPOSE))
    used = cache.get(factor.wrap()._get_used_cache_key(code))  # noqa: SLF001 - where allauth notes it
    return code, used is not None
