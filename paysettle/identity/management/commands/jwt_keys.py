"""`manage.py jwt_keys create | rotate | retire`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from paysettle.identity import jwt_keys


class Command(BaseCommand):
    """The keys that sign access tokens. Running processes notice a change by themselves."""

    help = (
        "create: make the file with one key. rotate: put a new key first; older ones still verify. "
        "retire: drop the keys that no longer sign (wait ten minutes after rotate)."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - the checks ask for the file that `create` makes

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("verb", choices=["create", "rotate", "retire"])

    def handle(self, *_: Any, verb: str, **__: Any) -> None:
        try:
            self.stdout.write(self._do(verb))
        except jwt_keys.KeyFileError as error:
            raise CommandError(str(error)) from None

    def _do(self, verb: str) -> str:
        if verb == "rotate":
            return f"Key {jwt_keys.rotate()} signs from now on."
        if verb == "retire":
            return f"{jwt_keys.retire()} keys dropped."
        if not jwt_keys.create():
            raise CommandError(f"There is a file {jwt_keys.path()} already: use rotate.")
        return f"Made {jwt_keys.path()}."
