"""Second factors of people in tests."""

import time

from allauth.mfa.models import Authenticator
from django.core.cache import cache

from paysettle.identity import one_time_codes
from paysettle.identity.models import User
from paysettle.identity.operations import second_factors

_MARGIN_S = 1.5


def give_second_factor(user: User) -> list[str]:
    """Give somebody a second factor and return their recovery codes."""
    secret = one_time_codes.new_secret()
    return second_factors.add(by=user, secret=secret, code=code_for(secret))


def code_for(secret: str) -> str:
    """Return the code of a secret, never so late that it would change before it is looked at."""
    _wait()
    return one_time_codes.current(secret)


def code_of(user: User) -> str:
    """Return a code that is good and unused, as if half a minute had passed since the last one."""
    _wait()
    found = one_time_codes.current_of(user)
    assert found is not None
    factor = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
    cache.delete(factor.wrap()._get_used_cache_key(found[0]))
    return found[0]


def _wait() -> None:
    if one_time_codes.left_s() < _MARGIN_S:
        time.sleep(_MARGIN_S)
