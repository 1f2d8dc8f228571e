"""`manage.py totp_code NAME`: the code of somebody's second factor, in the demo and in development alone."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from paysettle.identity import one_time_codes
from paysettle.identity.models import User
from paysettle.kernel.command import DatabaseCommand


class Command(DatabaseCommand):
    """Show what the authenticator app would; wait for the next code where this one was used."""

    help = "The code of somebody's second factor: for the demo, whose staff have no phone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *_: Any, username: str, **__: Any) -> None:
        if not (settings.DEMO or settings.DEBUG):
            raise CommandError("This is for the demo and for development: set PAYSETTLE_DEMO=1 or DEBUG=1.")
        user = User.objects.filter(username=username).first()
        found = one_time_codes.current_of(user) if user is not None else None
        if user is None or found is None:
            raise CommandError(f"{username} has no second factor.")
        code, used = found
        if used:
            self.stderr.write("This code was used: waiting for the next one.")
            time.sleep(one_time_codes.left_s())
            code = (one_time_codes.current_of(user) or found)[0]
        self.stdout.write(code)
