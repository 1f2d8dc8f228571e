"""What must be true of the installation before people can sign in."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from paysettle.identity import jwt_keys


@register("security", deploy=True)
def jwt_keys_are_usable(**_: Any) -> list[CheckMessage]:
    """Report a file of JWT keys that is missing or wrong."""
    try:
        jwt_keys.current()
    except jwt_keys.KeyFileError as error:
        return [Error(str(error), id="identity.E001")]
    return []
