"""`manage.py create_admin --username … --email …`: the first administrator."""

import getpass
import os
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from paysettle.identity import addresses
from paysettle.identity.models import User
from paysettle.identity.operations import registration
from paysettle.identity.passwords import check_new_password
from paysettle.identity.roles import StaffRole
from paysettle.kernel.command import DatabaseCommand
from paysettle.kernel.errors import DomainError

PASSWORD_VARIABLE = "PAYSETTLE_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable


class Command(DatabaseCommand):
    """Make a member of staff who is administrator, with a verified address. There is no default password."""

    help = f"The password is read from {PASSWORD_VARIABLE}, or asked for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--username", required=True)
        parser.add_argument("--email", required=True)

    def handle(self, *_: Any, username: str, email: str, **__: Any) -> None:
        password = _given_password()
        try:
            addresses.validate(email)
            check_new_password(password, User(username=username, email=email))
            role = StaffRole.ADMINISTRATOR
            registration.register(handle=username, email=email, password=password, verified=True, staff_role=role)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except DomainError as error:
            raise CommandError(error.detail) from None
        self.stdout.write(f"The administrator {username} can sign in.")


def _given_password() -> str:
    password = os.environ.get(PASSWORD_VARIABLE)
    if password is not None:
        return password
    if not sys.stdin.isatty():
        raise CommandError(f"Set {PASSWORD_VARIABLE}, or run this at a terminal.")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise CommandError("The two passwords differ.")
    return first
