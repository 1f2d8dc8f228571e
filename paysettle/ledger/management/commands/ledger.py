"""`manage.py ledger verify`: ask the live database whether the rules of money hold."""

import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from paysettle.kernel import identifiers
from paysettle.kernel.command import DatabaseCommand
from paysettle.kernel.identifiers import BadIdentifier
from paysettle.kernel.money import Money
from paysettle.ledger import queries, verify


class Command(DatabaseCommand):
    """Prints what was checked, with counts, and names every offending id. Exit code 1 if there is one."""

    help = "Verify the ledger: every balance, movement, key and event."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verify_verb = verbs.add_parser("verify", help="check everything, or what touches some accounts")
        verify_verb.add_argument("--account", action="append", metavar="acc_…", help="only this account (repeatable)")
        verify_verb.add_argument(
            "--acknowledged", metavar="FILE", help="a client's log: what it was told, line by line"
        )
        verify_verb.add_argument(
            "--strict-grants", action="store_true", help="it is wrong if the database user could drop the triggers"
        )
        verbs.add_parser("trial-balance", help="what all accounts of a kind and currency come to")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["verb"] == "verify":
            self._verify(options)
        else:
            self._trial_balance()

    def _verify(self, options: dict[str, Any]) -> None:
        if options["strict_grants"] and connection.vendor == "sqlite":
            raise CommandError("SQLite has no grants: who can write its file can change everything.")
        try:
            accounts = [identifiers.parse("acc", text) for text in options["account"] or []]
            if any(queries.owner_of(account_id) is None for account_id in accounts):
                raise CommandError("There is no such account.")
            with ExitStack() as stack:
                path = options["acknowledged"]
                log = stack.enter_context(Path(path).open(encoding="utf-8")) if path else None
                report = verify.verify(accounts or None, client_log=log, strict_grants=options["strict_grants"])
        except (BadIdentifier, verify.NotAClientLog) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{options['acknowledged']} cannot be read: {error.strerror}.") from None
        for result in report.results:
            verdict = "ok" if not result.findings else f"{len(result.findings)} WRONG"
            self.stdout.write(f"{result.check.name:<15} {result.seen:>9}  {verdict:<9} {result.check.sentence}")
        for note in report.notes:
            self.stdout.write(self.style.WARNING(f"note: {note}"))
        for finding in report.findings:
            self.stdout.write(self.style.ERROR(finding))
        if report.findings:
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS("The books are right."))

    def _trial_balance(self) -> None:
        for kind, currency, number, total_minor in queries.trial_balance():
            self.stdout.write(
                f"{currency}  {kind:<9} {number:>9} accounts {Money(total_minor, currency).decimal():>22}"
            )
