"""`manage.py demo`: everything in one command, on SQLite, with a story."""

import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from paysettle.commands import demo


class Command(BaseCommand):
    """Run by `make demo`, which sets PAYSETTLE_DEMO."""

    help = "Start server and worker and tell a story."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--reset", action="store_true", help="forget the demo's data")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("This is for the demo alone: run `make demo`, or set PAYSETTLE_DEMO=1.")
        if options["reset"]:
            demo.reset()
            self.stdout.write("The demo's data is gone; `make demo` starts a new one.")
            return
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)

        def say(line: str) -> None:
            self.stdout.write(line)
            self.stdout.flush()

        try:
            demo.run(host=options["host"], port=options["port"], say=say)
        except KeyboardInterrupt:
            return
