"""`manage.py serve`: the web server of pages and API."""

import gc
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.utils.module_loading import import_string
from granian import Granian
from granian.constants import Interfaces, TaskImpl
from granian.http import HTTP1Settings, HTTP2Settings

from paysettle.commands.processes import end_with_parent
from paysettle.commands.start import require_bus, require_keys, require_mail, require_port, require_triggers
from paysettle.kernel.command import DatabaseCommand

HEADERS_SIZE_MAX = 64 * 1024
SPARE_CONNECTIONS = 1000
"""Beyond those that may wait for the lane or a thread: they are told at once that too many do."""

STOP_S_MAX = 60
"""How long answers may take after SIGTERM before the process is killed: longer than any but a stream takes."""


class Command(DatabaseCommand):
    """Serves until SIGTERM or Ctrl-C; what was accepted is finished first."""

    help = "Serve pages and API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--processes", type=int, default=1, help="server processes; each has a lane of its own")
        parser.add_argument("--threads", type=int, default=64, help="pages one process answers at the same time")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not 1 <= options["processes"] <= 64:
            raise CommandError(f"The processes are 1 to 64, not {options['processes']}.")
        if not 1 <= options["threads"] <= 1000:
            raise CommandError(f"The threads are 1 to 1000, not {options['threads']}.")
        if connection.vendor == "sqlite" and options["processes"] != 1:
            raise CommandError("SQLite is for one server process: use MariaDB or MySQL for more.")
        require_triggers()
        require_keys()
        require_bus()
        require_mail()
        require_port(options["host"], options["port"])
        # The server counts connections, idle ones too; how many requests may wait, the application says.
        connections = settings.LANE_QUEUE_MAX + 5 * options["threads"] + SPARE_CONNECTIONS
        Granian(
            "config.asgi",
            address=options["host"],
            port=options["port"],
            interface=Interfaces.ASGI,
            # Tasks of asyncio: each request has a context of its own, and with it a request id of its own.
            task_impl=TaskImpl.asyncio,
            workers=options["processes"],
            workers_kill_timeout=STOP_S_MAX,
            respawn_failed_workers=True,
            backpressure=connections,
            http1_settings=HTTP1Settings(max_buffer_size=HEADERS_SIZE_MAX),
            http2_settings=HTTP2Settings(max_headers_size=HEADERS_SIZE_MAX),
            websockets=False,
            log_dictconfig=settings.LOGGING_SERVER,
        ).serve(target_loader=partial(_load, options["threads"]))


def _load(threads: int, module: str) -> Callable[..., Any]:
    """Return the application, in the process that serves it and ends with the one that started it."""
    end_with_parent()
    application: Callable[..., Any] = import_string(f"{module}.build")(threads=threads)
    _collect_seldom()
    return application


def _collect_seldom() -> None:
    """Let the garbage collector look for cycles of objects less often, and never at what has been loaded by now.

    Requests make few cycles and many objects: by default the search would take a fifteenth of the time of a payment.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
