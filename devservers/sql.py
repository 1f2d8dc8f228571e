"""What MariaDB and MySQL have in common."""

import os
import platform
import shutil
import struct
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from devservers import commands
from devservers.child import LOCALHOST
from devservers.debian import Recipe, unpacked
from devservers.errors import Unavailable
from devservers.server import NotReady, Server

PING_TIMEOUT_S = 5
VERSION_TIMEOUT_S = 20

# What the driver lets through from a server that is starting or dying, or is none at all.
ODD_ANSWERS = (OSError, RuntimeError, ValueError, LookupError, AssertionError, struct.error)

# Servers are often kept here, where PATH does not lead everybody.
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin")

# The same for both, so that tests and benchmarks compare like with like. Every commit reaches the disk. What never
# leaves the machine is not encrypted (each server has an option of its own for that): it took a sixth of the suite.
OPTIONS = (
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-buffer-pool-size=1G",
    "--innodb-lock-wait-timeout=4",
    "--innodb-rollback-on-timeout=ON",
    "--max-connections=400",
    "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00",
)


@dataclass(frozen=True)
class Program:
    """A server to run: how to call it, the options that tell it where its files are, and its folder of such files."""

    command: tuple[str, ...]
    options: tuple[str, ...] = ()
    share: Path | None = None


class SqlServer(Server):
    """A database server that speaks MySQL's protocol. `url` is open to root without a password from this machine."""

    recipe: ClassVar[Recipe]
    binaries: ClassVar[tuple[str, ...]]

    _program: Program

    @property
    def url(self) -> str:
        """`mysql://root@127.0.0.1:PORT/`, or the address given in the environment."""
        return self.address

    @classmethod
    @abstractmethod
    def is_kind(cls, version: str) -> bool:
        """Tell by the text of `SELECT VERSION()` whether a server is of this kind."""

    @abstractmethod
    def _unpacked_program(self, root: Path) -> Program:
        """Return the program within unpacked packages."""

    def _adopt(self, address: str) -> str:
        try:
            version, _ = ask(address)
        except (NotReady, ValueError) as error:
            reason = f"{self.title} at {self.address_variable} does not answer: {error}."
            raise Unavailable(reason) from error
        if not self.is_kind(version):
            raise Unavailable(f"The server at {self.address_variable} is {version}, not {self.title}.")
        return version

    def _find(self) -> None:
        _driver()
        try:
            self._program = self._unpacked_program(unpacked(self.recipe))
        except Unavailable as unfetched:
            self._program = self._program_on_path(unfetched)

    def _program_on_path(self, unfetched: Unavailable) -> Program:
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
        for name in self.binaries:
            binary = shutil.which(name, path=path)
            if binary is None:
                continue
            # Debian's mysqld, for one, is a link to MariaDB.
            try:
                version = commands.run([binary, "--version"], timeout_s=VERSION_TIMEOUT_S).strip()
            except (commands.CommandFailed, OSError) as error:
                raise Unavailable(f"{binary} cannot be run: {commands.essence(str(error))}.") from error
            if not self.is_kind(version):
                raise Unavailable(f"{binary} is not {self.title}, it says {version}.") from unfetched
            return Program((binary,), share=share_folder(Path(binary)))
        reason = f"{unfetched.reason.rstrip('.')}; no {self.binaries[0]} is on PATH either."
        raise Unavailable(reason) from unfetched

    def _own_address(self) -> str:
        return f"mysql://root@{LOCALHOST}:{self._ports[0]}/"

    def _base_command(self, folder: Path) -> list[str]:
        return [
            *self._program.command,
            "--no-defaults",
            # Root may not run a database server without saying that it means it.
            *(["--user=root"] if os.geteuid() == 0 else []),
            *self._program.options,
            f"--datadir={folder / 'data'}",
            # Its own, because a server that starts removes every temporary table that it finds there.
            f"--tmpdir={folder}",
        ]

    def _command(self, folder: Path) -> list[str]:
        return [
            *self._base_command(folder),
            f"--port={self._ports[0]}",
            f"--bind-address={LOCALHOST}",
            # Relative to the data, because the system allows but a hundred characters or so.
            "--socket=s.sock",
            f"--pid-file={folder / 'pid'}",
            *OPTIONS,
        ]

    def _ask(self, folder: Path) -> str:
        version, data = ask(self.url)
        if data.resolve() != (folder / "data").resolve():
            raise NotReady(f"another server answers on port {self._ports[0]}")
        if not self.is_kind(version):
            raise Unavailable(f"The server found for {self.title} says it is {version}.")
        return version


def ask(url: str) -> tuple[str, Path]:
    """Return the version and data folder of the server at `mysql://user:password@host:port/`. Raises NotReady.

    Raises ValueError for a malformed address, Unavailable without a driver.
    """
    pymysql = _driver()
    parts = urlsplit(url)
    if parts.scheme != "mysql" or not parts.hostname:
        raise ValueError("the address is not of the form mysql://user:password@host:port/")
    try:
        with (
            pymysql.connect(
                host=parts.hostname,
                port=parts.port or 3306,
                user=unquote(parts.username or "root"),
                password=unquote(parts.password or ""),
                connect_timeout=PING_TIMEOUT_S,
                read_timeout=PING_TIMEOUT_S,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT VERSION(), @@datadir")
            version, data = cursor.fetchone()
    except (pymysql.MySQLError, *ODD_ANSWERS) as error:
        raise NotReady(commands.essence(str(error))) from error
    return str(version), Path(data)


def share_folder(binary: Path) -> Path | None:
    """Return the folder of error messages and system tables that belongs to an installed server, if it is found."""
    for prefix in (binary.parent.parent, binary.resolve().parent.parent, Path("/usr")):
        for name in ("mariadb", "mysql"):
            folder = prefix / "share" / name
            if (folder / "fill_help_tables.sql").exists():
                return folder
    return None


def loader(root: Path, *more_libraries: str) -> tuple[str, ...]:
    """Return the start of a command that runs a program with the unpacked packages' own C library and libraries."""
    triplet = f"{platform.machine()}-linux-gnu"
    # Before Debian 13, some libraries are in /lib and some in /usr/lib.
    folders = [root / "usr/lib" / triplet, root / "lib" / triplet]
    loaders = [file for folder in folders for file in folder.glob("ld-linux*.so.*")]
    if not loaders:
        raise Unavailable(f"The fetched packages hold no program loader for {platform.machine()}.")
    folders += [folders[0] / name for name in more_libraries]
    return (str(loaders[0]), "--library-path", os.pathsep.join(str(folder) for folder in folders))


def unpacked_options(root: Path, share: Path) -> tuple[str, ...]:
    """Return the options that tell an unpacked server where its files are."""
    return (
        f"--basedir={root / 'usr'}",
        f"--lc-messages-dir={share}",
        f"--character-sets-dir={share / 'charsets'}",
        f"--plugin-dir={root / 'usr' / 'lib' / 'mysql' / 'plugin'}",
    )


def _driver() -> ModuleType:
    """Return PyMySQL, imported late so that Kafka alone does not need it."""
    try:
        import pymysql
    except ImportError as error:
        raise Unavailable("Asking a MariaDB or MySQL server needs the Python package PyMySQL.") from error
    return pymysql
