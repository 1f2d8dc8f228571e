"""`manage.py reseal`: after a new first key in ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import CommandError

from paysettle.identity.operations import second_factors
from paysettle.kernel.command import DatabaseCommand
from paysettle.kernel.encryption import CannotOpen


class Command(DatabaseCommand):
    """Seal second factors under the first key, so that the others can go when the sessions of before have ended."""

    help = "Seal everything that is encrypted at rest under the first of ENCRYPTION_KEYS."

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            count = second_factors.reseal()
        except CannotOpen:
            sentence = "A second factor was sealed under a key that is not in ENCRYPTION_KEYS: nothing was changed."
            raise CommandError(sentence) from None
        self.stdout.write(f"{count} secrets are under the first key now; the others were before.")
