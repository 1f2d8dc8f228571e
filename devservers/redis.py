"""Redis, or Valkey, which speaks the same language. It writes nothing to disk: whenever it starts, it is empty."""

import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

from devservers import commands
from devservers.child import LOCALHOST
from devservers.debian import Recipe, unpacked
from devservers.errors import Unavailable
from devservers.server import NotReady, Server
from devservers.sql import loader

ASK_TIMEOUT_S = 5
VERSION_TIMEOUT_S = 20
BINARIES = ("redis-server", "valkey-server")

# Debian keeps these servers in `bin`.
RECIPE = Recipe("Redis 8.0", suite="trixie", packages=("redis-server", "valkey-server"), tools=True)


class Redis(Server):
    """A Redis server without a password. `TEST_REDIS_URL` in the environment names another one to use instead."""

    title = "Redis"
    address_variable = "TEST_REDIS_URL"
    missing_variable = "TEST_REDIS_MISSING"

    def __init__(self) -> None:
        super().__init__()
        self._program: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:PORT/0`, or the address given in the environment."""
        return self.address

    def _adopt(self, address: str) -> str:
        try:
            return ask(address)[0]
        except (NotReady, ValueError) as error:
            raise Unavailable(f"{self.title} at {self.address_variable} does not answer: {error}.") from error

    def _find(self) -> None:
        _client()
        self._program = _program_on_path() or _unpacked_program()

    def _prepare(self, folder: Path) -> None:
        """Do nothing: its data are in memory."""

    def _own_address(self) -> str:
        return f"redis://{LOCALHOST}:{self._ports[0]}/0"

    def _command(self, folder: Path) -> list[str]:
        listening = ["--bind", LOCALHOST, "--port", str(self._ports[0])]
        return [*self._program, *listening, "--dir", str(folder), "--save", "", "--appendonly", "no"]

    def _ask(self, folder: Path) -> str:
        version, data = ask(self.url)
        if data.resolve() != folder.resolve():
            raise NotReady(f"another server answers on port {self._ports[0]}")
        return version


def ask(url: str) -> tuple[str, Path]:
    """Return the version and data folder of the server at `redis://user:password@host:port/number`. Raises NotReady.

    Raises ValueError for a malformed address, Unavailable without a client.
    """
    redis = _client()
    timeouts = {"socket_connect_timeout": ASK_TIMEOUT_S, "socket_timeout": ASK_TIMEOUT_S}
    try:
        with redis.Redis.from_url(url, decode_responses=True, protocol=2, **timeouts) as client:
            told: dict[str, Any] = client.info("server")
            folder = client.config_get("dir").get("dir", "")
    except (redis.RedisError, OSError) as error:
        raise NotReady(commands.essence(str(error))) from error
    return str(told.get("valkey_version") or told.get("redis_version", "of unknown version")), Path(folder)


def _program_on_path() -> tuple[str, ...]:
    """Return the command of an installed server, () if there is none."""
    binary = next(filter(None, map(shutil.which, BINARIES)), None)
    if binary is None:
        return ()
    try:
        commands.run([binary, "--version"], timeout_s=VERSION_TIMEOUT_S)
    except (commands.CommandFailed, OSError) as error:
        raise Unavailable(f"{binary} cannot be run: {commands.essence(str(error))}.") from error
    return (binary,)


def _unpacked_program() -> tuple[str, ...]:
    """Return the command of a fetched server, fetching it first if need be."""
    try:
        root = unpacked(RECIPE)
    except Unavailable as unfetched:
        reason = f"{unfetched.reason.rstrip('.')}; no {BINARIES[0]} is on PATH either."
        raise Unavailable(reason) from unfetched
    binary = next((file for name in BINARIES if (file := root / "usr" / "bin" / name).exists()), None)
    if binary is None:
        raise Unavailable(f"The fetched packages hold no {BINARIES[0]}.")
    return (*loader(root), str(binary))


def _client() -> ModuleType:
    """Return the Python package of the same name, imported late so that the others alone do not need it."""
    try:
        import redis
    except ImportError as error:
        raise Unavailable("Asking a Redis server needs the Python package redis.") from error
    return redis
