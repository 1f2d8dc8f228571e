"""`manage.py rekey_addresses`: after a change of SECRET_KEY."""

from typing import Any

from django.core.management.base import CommandError

from paysettle.identity.caller import Caller
from paysettle.identity.operations import addresses, invitations
from paysettle.kernel.command import DatabaseCommand
from paysettle.kernel.errors import DomainError
from paysettle.kernel.identifiers import SYSTEM


class Command(DatabaseCommand):
    """Compute the digests of verified addresses with the present SECRET_KEY. Run it before the service starts again."""

    help = "Compute the digests of verified addresses anew, after a change of SECRET_KEY."

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            self.stdout.write(f"{addresses.rekey()} addresses.")
            by = Caller(party_id=SYSTEM, operator="rekey_addresses")
            self.stdout.write(
                f"{invitations.revoke_all_open(by=by)} invitations taken back: they are bound to the old key."
            )
        except DomainError as error:
            raise CommandError(error.detail) from None
