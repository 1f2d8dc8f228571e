"""`manage.py ledger verify`: ask the live database whether the rules of money hold."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paysettle.kernel import identifiers
from paysettle.kernel.identifiers import BadIdentifier
from paysettle.ledger import verify


class Command(BaseCommand):
    """Prints what was checked, with counts, and names every offending id. Exit code 1 if there is one."""

    help = "Verify the ledger: every balance, movement, key and event."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verify_verb = verbs.add_parser("verify", help="check everything, or what touches some accounts")
        verify_verb.add_argument("--account", action="append", metavar="acc_…", help="only this account (repeatable)")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            accounts = [identifiers.parse("acc", text) for text in options["account"] or []]
        except BadIdentifier as error:
            raise CommandError(str(error)) from None
        report = verify.verify(accounts or None)
        for result in report.results:
            verdict = "ok" if not result.findings else f"{len(result.findings)} WRONG"
            self.stdout.write(f"{result.check.name:<12} {result.seen:>9}  {verdict:<9} {result.check.sentence}")
        for finding in report.findings:
            self.stdout.write(self.style.ERROR(finding))
        if report.findings:
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS("The books are right."))
