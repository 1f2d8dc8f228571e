"""Commands of Django's that would go past our rules: they say what to do instead."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Refused(BaseCommand):
    """Says what its help says, and does nothing."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whatever Django's command takes as a name."""
        parser.add_argument("username", nargs="?")

    def handle(self, *_: Any, **__: Any) -> None:
        """Refuse."""
        raise CommandError(self.help)
