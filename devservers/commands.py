"""Run a short-lived program to its end, without ever becoming unstoppable."""

import os
import re
import signal
import subprocess
import tempfile
import textwrap
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from devservers.errors import Interrupted

POLL_S = 0.05
ESSENCE_LENGTH = 300
COLOUR = re.compile(r"\x1b\[[\d;]*m")
# How apt, Maven, the databases and Kafka mark an error.
ERROR = re.compile(r"^E: |^(\S+ )*\[ERROR\] |^(\S+ )?ERROR:? ")

# Set once by whoever wants everything under way in this process to be given up; never cleared.
interrupted = threading.Event()


class CommandFailed(Exception):
    """A program ended with an error or took too long; `output` is all it wrote."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


def run(
    command: Sequence[str | Path],
    *,
    timeout_s: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: Path | None = None,
) -> str:
    """Return what the program wrote to stdout and stderr. `env` is added to our own; `stdin` is a file, else empty.

    Raises CommandFailed, FileNotFoundError if there is no such program, or Interrupted if `interrupted` is set.
    """
    deadline = time.monotonic() + timeout_s
    with tempfile.TemporaryFile() as output, (stdin or Path(os.devnull)).open("rb") as given:
        process = subprocess.Popen(  # noqa: S603 - the callers are the modules beside this one
            [str(part) for part in command],
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            # Its own group: a Ctrl-C reaches it through `interrupted` only, and its children end with it.
            start_new_session=True,
        )
        try:
            code = _wait(process, deadline)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        text = output.read().decode(errors="replace")
    if code != 0:
        raise CommandFailed(text if code is not None else f"{text}\nNot done within {timeout_s:.0f} s")
    return text


def _wait(process: subprocess.Popen[bytes], deadline: float) -> int | None:
    """Return the exit code, or None when the time is over."""
    while time.monotonic() < deadline:
        if interrupted.is_set():
            raise Interrupted
        try:
            return process.wait(timeout=POLL_S)
        except subprocess.TimeoutExpired:
            continue
    return None


def essence(output: str) -> str:
    """Return the one line of a failed program's output that says most: its first error, else its last line."""
    lines = [" ".join(COLOUR.sub("", line).split()) for line in output.splitlines()]
    errors = [line for line in lines if ERROR.search(line)]
    line = next((line for line in [*errors, *reversed(lines)] if line), "it said nothing")
    return textwrap.shorten(ERROR.sub("", line), ESSENCE_LENGTH, placeholder=" …").rstrip(".")
