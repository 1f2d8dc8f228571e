"""`manage.py docs`: write the generated documents, or check that they are up to date."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from paysettle.commands import documents
from paysettle.commands.access import AccessTableWrong


class Command(BaseCommand):
    """Writes docs/openapi.yaml, docs/access.md, docs/errors.md and docs/events."""

    help = "Write the generated documents."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only tell whether they are up to date")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            if options["check"]:
                documents.check()
            else:
                documents.write()
        except (documents.DocumentsOutOfDate, AccessTableWrong) as error:
            raise CommandError(str(error)) from None
