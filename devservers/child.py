"""One long-running process of ours: its log, its end, and free ports for it to listen on."""

import itertools
import os
import random
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LOCALHOST = "127.0.0.1"
STOP_TIMEOUT_S = 15.0
GUARD = Path(__file__).with_name("guard.py")

# Beneath the range from which the system takes the ports of outgoing connections. A client that keeps knocking while a
# server is down can otherwise be given that very port as its own, connect to itself, and so keep the server away.
PORTS = range(15_000, 32_000)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> tuple[int, ...]:
    """Return different ports of 127.0.0.1 on which nobody listens. Another process may still be quicker."""
    free = (port for port in random.sample(PORTS, len(PORTS)) if is_free(port))
    return tuple(itertools.islice(free, count))


class Child:
    """A process that lives until it is stopped or killed, or until this process ends in whatever way."""

    def __init__(self, command: Sequence[str], *, folder: Path, env: Mapping[str, str] | None = None) -> None:
        """Start it in `folder`, which is removed with it should we die. It writes to `folder/server.log`."""
        self.folder = folder
        self.log = folder / "server.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the callers are the servers beside this module
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                # Ctrl-C in a terminal is for us; we then stop it in order.
                start_new_session=True,
            )
        self._guard = _start_guard(self._process.pid, folder)

    @property
    def pid(self) -> int:
        """The process number."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Tell whether it still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it in order (SIGTERM); with SIGKILL if it is not gone after STOP_TIMEOUT_S. Twice does no harm."""
        self._process.terminate()
        try:
            self._process.wait(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._gone()

    def kill(self) -> None:
        """End it at once (SIGKILL), as a power cut would."""
        self._process.kill()
        self._gone()

    def log_tail(self, *, lines: int = 15) -> str:
        """Return the last lines it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _gone(self) -> None:
        self._process.wait()
        if self._guard is not None:
            self._guard.communicate(b"!")
            self._guard = None


def _start_guard(pid: int, folder: Path) -> "subprocess.Popen[bytes] | None":
    """Start the process that outlives us if we are killed; None where the system cannot hand over a process."""
    if sys.platform != "linux":
        return None
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        return subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", "-S", str(GUARD), str(descriptor), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[descriptor],
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
