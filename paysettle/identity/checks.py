"""What must be true of the installation before people can sign in."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from paysettle.identity import jwt_keys


@register("security")
def breached_passwords_can_be_read(**_: Any) -> list[CheckMessage]:
    """Report a list of breached passwords that is named and cannot be read."""
    path = settings.BREACHED_PASSWORDS_FILE
    if path and not os.access(path, os.R_OK):
        return [Error(f"BREACHED_PASSWORDS_FILE: {path} cannot be read.", id="identity.E002")]
    return []


@register("security", deploy=True)
def jwt_keys_are_usable(**_: Any) -> list[CheckMessage]:
    """Report a file of JWT keys that is missing or wrong."""
    try:
        jwt_keys.current()
    except jwt_keys.KeyFileError as error:
        return [Error(str(error), id="identity.E001")]
    return []
