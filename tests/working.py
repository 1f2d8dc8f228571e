"""`manage.py worker` as a real process, for tests that kill it, stop it or let two of them compete."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from paysettle.commands import worker
from paysettle.notifications.models import OutgoingMail
from tests.people import Person
from tests.plugin import FOLDER
from tests.server import ROOT

END_S = 12
PATIENCE_S = 900.0
"""Until what other tests left behind is done, too, on a slow machine."""


def catch_up(*parts: str) -> None:
    """Let parts of the worker do in this process whatever there is to do."""
    worker.run_until_idle(PATIENCE_S, parts)


def tell_and_mail(*people: Person) -> None:
    """Let the worker tell everybody, and mail these people alone: what waits for others is none of this test's."""
    catch_up("dispatch")
    OutgoingMail.objects.exclude(user__in=[somebody.user for somebody in people]).delete()
    catch_up("mail")


class Worker:
    """A worker with some of its parts."""

    def __init__(self, *parts: str, **environment: str) -> None:
        self._command = [sys.executable, "manage.py", "worker", *(["--only", ",".join(parts)] if parts else [])]
        self._environment = {**os.environ, "WORKER_LEASE_S": "1", **environment}
        self.log = FOLDER / "worker.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it is at work a second or so later."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)

    def pause(self) -> None:
        """Stop it where it stands (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """`kill -9`."""
        self._signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """End it as an operator would."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        self._wait()

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def _wait(self) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


@contextmanager
def running(*parts: str, **environment: str) -> Iterator[Worker]:
    """Run a worker for the length of a block."""
    worker = Worker(*parts, **environment)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
