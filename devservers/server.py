"""What MariaDB, MySQL, Kafka and Redis have in common: found, started, waited for, killed, started again, stopped."""

import os
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from devservers import commands
from devservers.child import Child, free_ports, is_free
from devservers.errors import Interrupted, Unavailable

START_TIMEOUT_S = 90.0
PORT_ATTEMPTS = 3


class NotReady(Exception):
    """The server does not answer yet; the text says how."""


class Server(ABC):
    """A server of our own, or the one whose address stands in the environment. Use it in a `with` statement.

    Its data lie in a new folder under `$TMPDIR` (beware of benchmarks where that is in memory) and go when it stops.
    """

    title: ClassVar[str]
    address_variable: ClassVar[str]
    missing_variable: ClassVar[str]
    port_count: ClassVar[int] = 1

    def __init__(self) -> None:
        self.version = ""
        self.startup_s = 0.0
        self._address = ""
        self._ports: tuple[int, ...] = ()
        self._folder: Path | None = None
        self._child: Child | None = None

    @property
    def address(self) -> str:
        """What belongs into `address_variable`. Raises RuntimeError before the start."""
        if not self._address:
            raise RuntimeError(f"{self.title} has not been started")
        return self._address

    @property
    def is_ours(self) -> bool:
        """Tell whether we started it, so that it may be killed and restarted."""
        return self._child is not None

    @property
    def pid(self) -> int:
        """The process number of a server of our own; RuntimeError for another's."""
        return self._own_child().pid

    @property
    def is_alive(self) -> bool:
        """Tell whether a server of our own still runs; RuntimeError for another's."""
        return self._own_child().is_alive()

    def start(self) -> None:
        """Find it, start it, and return when it answers. Raises Unavailable (nothing is left running then)."""
        began = time.monotonic()
        if address := os.environ.get(self.address_variable):
            self.version = self._adopt(address)
            self._address = address
        else:
            try:
                self._start_our_own()
            except BaseException:
                self.stop()
                raise
        self.startup_s = time.monotonic() - began

    def stop(self) -> None:
        """Stop it in order and remove its data; only if it is ours. Twice does no harm."""
        if self._child is not None:
            self._child.stop()
            self._child = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def kill(self) -> None:
        """End it with SIGKILL; data and port are kept for `restart`. RuntimeError if it is not ours."""
        self._own_child().kill()

    def restart(self) -> None:
        """Start it again on the same data and port, stopping it in order first if it still runs; wait until it answers.

        Raises Unavailable if it does not come back, RuntimeError if it is not ours.
        """
        child = self._own_child()
        child.stop()
        self._launch(child.folder)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @abstractmethod
    def _adopt(self, address: str) -> str:
        """Return the version of the server at this address ("" if it does not tell). Raises Unavailable."""

    @abstractmethod
    def _find(self) -> None:
        """Find the program, fetching it if need be. Raises Unavailable."""

    @abstractmethod
    def _prepare(self, folder: Path) -> None:
        """Lay out new data in this empty folder. Raises CommandFailed."""

    @abstractmethod
    def _own_address(self) -> str:
        """Return the address that leads to `self._ports`."""

    @abstractmethod
    def _command(self, folder: Path) -> list[str]:
        """Return the command that serves the data in this folder on `self._ports`."""

    @abstractmethod
    def _ask(self, folder: Path) -> str:
        """Return the version from a real answer of the server on this folder. Raises NotReady."""

    def _start_our_own(self) -> None:
        self._find()
        self._folder = folder = Path(tempfile.mkdtemp(prefix=f"{self.title.lower()}-"))
        try:
            self._prepare(folder)
        except commands.CommandFailed as failure:
            reason = f"{self.title} could not lay out its data: {commands.essence(failure.output)}."
            raise _with_note(Unavailable(reason), failure.output) from failure
        for attempt in range(1, PORT_ATTEMPTS + 1):
            self._ports = free_ports(self.port_count)
            self._address = self._own_address()
            try:
                self._launch(folder)
                break
            except Unavailable:
                # Somebody may have been quicker to take a port.
                if all(is_free(port) for port in self._ports) or attempt == PORT_ATTEMPTS:
                    raise

    def _launch(self, folder: Path) -> None:
        self._child = child = Child(self._command(folder), folder=folder)
        deadline = time.monotonic() + START_TIMEOUT_S
        self.version = ""
        while not self.version:
            try:
                self.version = self._ask(folder)
            except NotReady as answer:
                if not child.is_alive() or time.monotonic() > deadline:
                    child.kill()
                    log = child.log_tail()
                    reason = f"{self.title} did not start ({answer}): {commands.essence(log)}."
                    raise _with_note(Unavailable(reason), log) from answer
                if commands.interrupted.is_set():
                    raise Interrupted from None
                time.sleep(commands.POLL_S)

    def _own_child(self) -> Child:
        if self._child is None:
            raise RuntimeError(f"{self.title} is not running, or not ours to kill and restart")
        return self._child


def _with_note(error: Unavailable, note: str) -> Unavailable:
    error.add_note(note)
    return error
