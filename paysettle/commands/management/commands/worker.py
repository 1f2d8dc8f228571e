"""`manage.py worker`: carry events to their consumers and send mail, until told to end."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from paysettle.commands import start, worker
from paysettle.kernel.command import DatabaseCommand


class Command(DatabaseCommand):
    """Runs all parts that this installation needs in one process; several workers may run at once."""

    help = "Carry events to their consumers and send mail, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", metavar="PART,PART", help=f"only these of {', '.join(worker.duties())}")

    def handle(self, *_args: Any, **options: Any) -> None:
        names = options["only"].split(",") if options["only"] else worker.duties()
        for name in names:
            if name not in worker.duties():
                known = ", ".join(worker.duties())
                raise CommandError(f"This installation has no part {name!r}; its parts are {known}.")
        start.require_bus()
        start.require_mail()
        worker.run(names)
