"""`manage.py wallets freeze|reopen|close`: an operator keeps a wallet from moving money, or lets it again."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from paysettle.identity.caller import Caller
from paysettle.kernel import identifiers
from paysettle.kernel.command import DatabaseCommand
from paysettle.kernel.errors import DomainError
from paysettle.kernel.identifiers import SYSTEM
from paysettle.payments.operations import wallets

VERBS = {"freeze": wallets.freeze, "reopen": wallets.reopen, "close": wallets.close}


class Command(DatabaseCommand):
    """Says what was done; exit code 1 if it was refused."""

    help = "Freeze, reopen or close a wallet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=sorted(VERBS))
        parser.add_argument("account", help="acc_… of the wallet")
        parser.add_argument("--reason", required=True, help="why; kept with what was done")
        parser.add_argument("--operator", default=getpass.getuser(), help="who does it; by default the system user")

    def handle(self, *_args: Any, **options: Any) -> None:
        caller = Caller(party_id=SYSTEM, operator=options["operator"][:50])
        try:
            account_id = identifiers.parse("acc", options["account"])
            VERBS[options["verb"]](by=caller, account_id=account_id, reason=options["reason"])
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.detail}") from None
        self.stdout.write(f"{options['account']}: {options['verb']} done.")
