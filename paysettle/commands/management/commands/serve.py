"""`manage.py serve`: the web server of pages and API."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from granian import Granian
from granian.constants import Interfaces

from paysettle.commands.start import require_database, require_port


class Command(BaseCommand):
    """Serves until SIGTERM or Ctrl-C; what was accepted is finished first."""

    help = "Serve pages and API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--processes", type=int, default=1, help="server processes; each has a lane of its own")
        parser.add_argument("--threads", type=int, default=64, help="requests one process answers at the same time")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not 1 <= options["port"] <= 65535:
            raise CommandError(f"A port is a number from 1 to 65535, not {options['port']}.")
        if connection.vendor == "sqlite" and options["processes"] != 1:
            raise CommandError("SQLite is for one server process: use MariaDB or MySQL for more.")
        require_database()
        require_port(options["host"], options["port"])
        Granian(
            "config.wsgi:application",
            address=options["host"],
            port=options["port"],
            interface=Interfaces.WSGI,
            workers=options["processes"],
            blocking_threads=options["threads"],
            backpressure=options["threads"] * 4,
            websockets=False,
            log_dictconfig=settings.LOGGING_SERVER,
        ).serve()
