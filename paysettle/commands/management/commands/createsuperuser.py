"""`manage.py createsuperuser`: Django's own knows neither parties nor staff roles."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Says what to do instead."""

    help = "Use manage.py create_admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whatever Django's command takes as a name."""
        parser.add_argument("username", nargs="?")

    def handle(self, *_: Any, **__: Any) -> None:
        """Refuse."""
        raise CommandError(self.help)
