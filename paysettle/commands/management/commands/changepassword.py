"""`manage.py changepassword`: Django's own would leave sessions and tokens alive, and tell nobody."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Says what to do instead."""

    help = "Nobody sets another person's password: they choose one by a code that is mailed to them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whatever Django's command takes as a name."""
        parser.add_argument("username", nargs="?")

    def handle(self, *_: Any, **__: Any) -> None:
        """Refuse."""
        raise CommandError(self.help)
