"""`manage.py second_factor take-away NAME`: for a person who has lost phone and recovery codes."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from paysettle.identity.caller import Caller
from paysettle.identity.models import User
from paysettle.identity.operations import second_factors
from paysettle.kernel.command import DatabaseCommand
from paysettle.kernel.errors import DomainError
from paysettle.kernel.identifiers import SYSTEM


class Command(DatabaseCommand):
    """Remove a second factor and end the person's sessions. Make sure first who asks for it."""

    help = "Remove the second factor of a person who has lost it; all their sessions end."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["take-away"])
        parser.add_argument("username")
        parser.add_argument("--operator", default="second_factor", help="who does it, for the log")

    def handle(self, *_: Any, username: str, operator: str, **__: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"Nobody is called {username}.")
        try:
            second_factors.take_away(by=Caller(party_id=SYSTEM, operator=operator[:50]), user=user)
        except DomainError as error:
            raise CommandError(error.detail) from None
        self.stdout.write(f"{username} signs in by the password alone until they set up a second factor again.")
