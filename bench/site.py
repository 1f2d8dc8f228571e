"""One installation under test: a database, a driver, people with money; its servers and its checks."""

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from bench.drivers import Driver
from devservers.child import Child, free_ports
from devservers.sql import SqlServer

ROOT = Path(__file__).resolve().parent.parent
NAME = "bench"
START_S = 60
VERIFY_S = 1800


class Void(Exception):
    """The figures of this run mean nothing: a load failed, or the books are wrong after it."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who pays and is paid."""

    handle: str
    party: str
    account: str


class Site:
    """An installation of the product with data of its own. Use it in a `with` statement."""

    def __init__(self, name: str, database_url: str, driver: Driver, folder: Path) -> None:
        self.name = name
        self.database_url = database_url
        self.driver = driver
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.people: list[Person] = []
        self.environment = {
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SECRET_KEY": "only-for-benchmarks-" + "x" * 50,
            "PAYSETTLE_VAR": str(folder),
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "JWT_KEYS_FILE": str(folder / "jwt-keys.json"),
            "LOG_LEVEL": "INFO",
            "STEP_UP_PAYMENT_MINOR": "0",  # the sessions are made once, and grow old
            **driver.environment,
        }
        self._pool: ProcessPoolExecutor | None = None

    @classmethod
    def on(cls, server: SqlServer, driver: Driver, folder: Path) -> "Site":
        """Return an installation in a new database on a server."""
        import pymysql

        url = urlsplit(server.url)
        with pymysql.connect(host=url.hostname, port=url.port or 0, user="root") as connection:
            connection.cursor().execute(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")
        return cls(server.title, server.url + NAME, driver, folder)

    def __enter__(self) -> Self:
        self._pool = ProcessPoolExecutor(
            max_workers=1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self.environment, str(self.driver.folder)),
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def prepare(self, people: int) -> None:
        """Migrate, and make people with money."""
        self.people = [Person(**person) for person in self.call("prepare", people)]

    def with_driver(self, driver: Driver) -> "Site":
        """Return the same installation, served with another driver."""
        other = Site(self.name, self.database_url, driver, self.folder)
        other.people = self.people
        return other

    def call(self, name: str, *arguments: Any) -> Any:
        """Run a function of `inside` or another module of `bench` with this installation's settings."""
        if self._pool is None:
            raise RuntimeError("The site is used outside of its block.")
        return self._pool.submit(_call, name, *arguments).result()

    def run(self, *arguments: str) -> None:
        """Run a verb of `manage.py`; raise Void if it fails."""
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            text=True,
            capture_output=True,
            timeout=VERIFY_S,
            check=False,
        )
        if done.returncode:
            raise Void(f"manage.py {' '.join(arguments)}: {done.stdout[-1500:]}{done.stderr[-1500:]}")

    def verify(self, logs: Sequence[Path] = ()) -> int:
        """Ask `manage.py ledger verify`, once nothing is written any more; raise Void if the books are wrong.

        What clients were told (their logs) is held against the books as well; return how many payments that were.
        """
        self.call("become_still")
        told = self.folder / "acknowledged.jsonl"
        told.write_text("".join(log.read_text(encoding="utf-8") for log in logs), encoding="utf-8")
        self.run("ledger", "verify", "--acknowledged", str(told))
        with told.open(encoding="utf-8") as lines:
            return sum(1 for _ in lines)

    @contextmanager
    def served(self, *, processes: int) -> Iterator["Server"]:
        """Run `manage.py serve` for the length of a block."""
        with _serving(self, ["manage.py", "serve", "--processes", str(processes)], {}) as server:
            yield server

    @contextmanager
    def served_plainly(self, *, processes: int) -> Iterator["Server"]:
        """Run the plain DRF and ORM view instead."""
        settings = {"DJANGO_SETTINGS_MODULE": "bench.plain.settings"}
        with _serving(self, ["-m", "bench.plain", "--processes", str(processes)], settings) as server:
            yield server


@dataclass(frozen=True, slots=True)
class Server:
    """A web server that answers."""

    address: str
    pid: int


@contextmanager
def _serving(site: Site, command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Server]:
    (port,) = free_ports(1)
    folder = site.folder / f"serve-{port}"
    folder.mkdir()
    python_path = os.pathsep.join([str(site.driver.folder), str(ROOT)])
    child = Child(
        [sys.executable, *_in_root(command), "--port", str(port)],
        folder=folder,
        env={**site.environment, **environment, "PYTHONPATH": python_path},
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, child)
        yield Server(address, child.pid)
    finally:
        child.stop()
        # Workers that a busy machine was too slow to end in time would compete with what is measured next.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def _in_root(command: Sequence[str]) -> list[str]:
    return [str(ROOT / part) if part == "manage.py" else part for part in command]


def _wait(address: str, child: Child) -> None:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at and child.is_alive():
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=2):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise Void(f"The server did not start: {child.log_tail()}")


def _begin(environment: Mapping[str, str], driver_folder: str) -> None:
    os.environ.update(environment)
    sys.path.insert(0, driver_folder)
    import django

    django.setup()


def _call(name: str, *arguments: Any) -> Any:
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(f"bench.{module or 'inside'}"), function)(*arguments)
