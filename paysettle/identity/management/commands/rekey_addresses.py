"""`manage.py rekey_addresses`: after a change of SECRET_KEY."""

from typing import Any

from django.core.management.base import CommandError

from paysettle.identity.operations import addresses
from paysettle.kernel.command import DatabaseCommand
from paysettle.kernel.errors import DomainError


class Command(DatabaseCommand):
    """Compute the digests of verified addresses with the present SECRET_KEY. Run it before the service starts again."""

    help = "Compute the digests of verified addresses anew, after a change of SECRET_KEY."

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            self.stdout.write(f"{addresses.rekey()} addresses.")
        except DomainError as error:
            raise CommandError(error.detail) from None
