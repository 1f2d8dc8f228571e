"""`python -m devservers run mariadb mysql kafka redis chromium -- COMMAND ARGS`: run a command beside real servers."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import FrameType

from devservers import commands
from devservers.chromium import Chromium
from devservers.errors import Interrupted, Unavailable
from devservers.kafka import Kafka
from devservers.mariadb import MariaDB
from devservers.mysql import MySQL
from devservers.redis import Redis
from devservers.server import Server

Helper = Server | Chromium

SERVERS: dict[str, type[Helper]] = {
    "mariadb": MariaDB,
    "mysql": MySQL,
    "kafka": Kafka,
    "redis": Redis,
    "chromium": Chromium,
}

# What the program itself reads, as against what its tests read.
SETTINGS = {"TEST_KAFKA_BOOTSTRAP_SERVERS": "KAFKA_BOOTSTRAP_SERVERS", "TEST_REDIS_URL": "REDIS_URL"}

NOT_FOUND = 127
SIGNALLED = 128


class Signals:
    """Remembers that we were asked to stop, and passes it on to the command once there is one."""

    def __init__(self) -> None:
        self.received: int | None = None
        self.command: subprocess.Popen[bytes] | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._receive)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        commands.interrupted.set()
        # A Ctrl-C in the terminal has already reached the command; twice would spoil its own tidying up.
        if self.command is not None and not (number == signal.SIGINT and _terminal_reaches_us()):
            self.command.send_signal(number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the command's exit code.

    Or 1 if a required server is missing, 127 if there is no such command, 128 + n if signal n ended it or us.
    """
    options = _parse(sys.argv[1:] if arguments is None else list(arguments))
    signals = Signals()
    servers = [SERVERS[name]() for name in dict.fromkeys(options.servers)]
    with ThreadPoolExecutor(max_workers=len(servers)) as pool:
        starts = {server: pool.submit(_start, server) for server in servers}
        wait(starts.values())
        try:
            missing = {server: reason for server, start in starts.items() if (reason := start.result())}
            if signals.received is not None:
                return SIGNALLED + signals.received
            if missing and options.require:
                return 1
            environment = _environment(servers, missing, as_setting=options.as_setting)
            return _run(options.command, environment, signals)
        finally:
            for stop in [pool.submit(server.stop) for server in servers]:
                stop.result()


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devservers", description="Real servers of one's own.")
    run = parser.add_subparsers(required=True, metavar="run").add_parser(
        "run",
        help="run a command beside real servers",
        usage="%(prog)s [--require] [--as-setting] SERVER [SERVER ...] -- COMMAND [ARGUMENT ...]",
    )
    names = ", ".join(SERVERS)
    run.add_argument("servers", nargs="+", choices=SERVERS, metavar="SERVER", help=names)
    run.add_argument("--require", action="store_true", help="fail if one of them cannot be had")
    run.add_argument(
        "--as-setting", action="store_true", help="export KAFKA_BOOTSTRAP_SERVERS or REDIS_URL for the program"
    )
    # Split by hand: argparse would take the command's first words for servers.
    before, after = arguments, []
    if "--" in arguments:
        at = arguments.index("--")
        before, after = arguments[:at], arguments[at + 1 :]
    options = parser.parse_args(before)
    if not after:
        run.error("a command is needed after --")
    options.command = after
    return options


def _start(server: Helper) -> str:
    """Start it; return "" or, told on stderr as well, the sentence why it cannot be had."""
    try:
        server.start()
    except Interrupted:
        return "The run was stopped."
    except Unavailable as error:
        _say(f"{server.title} is missing: {error.reason}", *getattr(error, "__notes__", ()))
        return error.reason
    if server.is_ours:
        _say(f"{server.title} {server.version} is ready after {server.startup_s:.1f} s")
    return ""


def _environment(servers: list[Helper], missing: dict[Helper, str], *, as_setting: bool) -> dict[str, str]:
    """Return our environment with the address of each server, or the reason why there is none."""
    environment = dict(os.environ)
    for server in servers:
        for variable in (server.address_variable, server.missing_variable):
            environment.pop(variable, None)
        if server in missing:
            environment[server.missing_variable] = missing[server]
        else:
            variable = server.address_variable
            environment[SETTINGS.get(variable, variable) if as_setting else variable] = server.address
    return environment


def _run(command: list[str], environment: dict[str, str], signals: Signals) -> int:
    try:
        process = subprocess.Popen(command, env=environment)  # noqa: S603 - running it is what we are asked for
    except OSError as error:
        _say(f"{command[0]} cannot be run: {error.strerror or error}.")
        return NOT_FOUND
    signals.command = process
    if signals.received is not None:
        # It came between the last look and the start of the command.
        process.send_signal(signals.received)
    code = process.wait()
    signals.command = None
    return code if code >= 0 else SIGNALLED - code


def _terminal_reaches_us() -> bool:
    """Tell whether we are in the foreground of a terminal, which sends its signals to our children too."""
    try:
        with Path("/dev/tty").open() as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


def _say(*lines: str) -> None:
    print(*lines, sep="\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
