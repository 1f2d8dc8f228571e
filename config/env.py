"""Typed readers of the environment: loud on nonsense, secrets also from files.

Every reader takes the name of a variable and a default. A variable that holds nonsense ends the start with one
sentence (`SettingError`), never with a default that nobody asked for.
"""

import base64
import binascii
import importlib.util
import os
import re
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

PORT_MAX = 65535
DIGITS_MAX = 18
ENCRYPTION_KEY_BYTES = 32

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"


class SettingError(Exception):
    """A setting makes no sense; the message is the sentence shown to the operator."""


def text(name: str, default: str = "") -> str:
    """Return the variable, or the content of the file that `NAME_FILE` names (without its final newline)."""
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return os.environ.get(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise SettingError(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from None
    except ValueError:
        raise SettingError(f"{name}_FILE names {path}, which is no text in UTF-8.") from None


def one_line(name: str, default: str) -> str:
    """Return the variable, which must be one line of printable characters."""
    value = text(name, default)
    if not value.isprintable():
        raise SettingError(f"{name} must be one line of printable characters.")
    return value


def sender(name: str, default: str) -> str:
    """Return the variable as who a message is from: `Name <name@host>` or an address alone."""
    value = one_line(name, default)
    if not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", parseaddr(value)[1]):
        raise SettingError(f"{name} must look like Paysettle <no-reply@example.org>, not {value!r}.")
    return value


def kafka_name(name: str, default: str) -> str:
    """Return the variable as Kafka lets topics be named."""
    value = text(name) or default
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,200}", value) or value in {".", ".."}:
        raise SettingError(f"{name} must be 1 to 200 letters, digits, dots, hyphens and underscores, not {value!r}.")
    return value


def address(name: str, default: str) -> str:
    """Return the variable as a web address without a final slash: http or https, a host, perhaps a port, no path."""
    value = text(name, default).rstrip("/")
    if not _is_address(value):
        raise SettingError(f"{name} must look like https://pay.example.org, not {value!r}.")
    return value


def origins(name: str) -> list[str]:
    """Return the variable as a list of web addresses, whose host may begin with `*.`."""
    found = words(name)
    for origin in found:
        if not _is_address(origin.replace("://*.", "://", 1)):
            raise SettingError(f"{name} must look like https://a.example.org,https://*.b.example, not {origin!r}.")
    return found


def hosts(name: str, default: str) -> list[str]:
    """Return the variable as a list of host names without ports; `.example.org` is all of a domain, `*` is any."""
    found = words(name, default)
    for host in found:
        if host != "*" and not re.fullmatch(rf"\.?{_HOST}", host):
            raise SettingError(f"{name} must look like pay.example.org,127.0.0.1; {host!r} is no host name.")
    if not found:
        raise SettingError(f"{name} is empty: nobody could call the service.")
    return found


def _is_address(value: str) -> bool:
    found = re.fullmatch(rf"https?://{_HOST}(?::([0-9]{{1,5}}))?", value)
    return found is not None and (found[1] is None or 1 <= int(found[1]) <= PORT_MAX)


def boolean(name: str, *, default: bool) -> bool:
    """Return the variable as a truth value: 1/0, true/false, yes/no, on/off."""
    value = text(name).strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise SettingError(f"{name} must be true or false, not {value!r}.")


def integer(name: str, default: int, *, least: int, most: int) -> int:
    """Return the variable as a whole number between `least` and `most`, both included."""
    value = text(name).strip()
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > DIGITS_MAX or not least <= int(value) <= most:
        raise SettingError(f"{name} must be a whole number from {least} to {most}, not {value!r}.")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """Return the variable as a list, split at commas, blanks dropped."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def encryption_keys(name: str) -> tuple[bytes, ...]:
    """Return the variable as keys: each 32 random bytes in base64, separated by commas; none when it is empty."""
    found = []
    for number, word in enumerate(words(name), 1):
        try:
            key = base64.b64decode(word, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != ENCRYPTION_KEY_BYTES:
            raise SettingError(f"Key {number} of {name} is not base64 of {ENCRYPTION_KEY_BYTES} bytes.")
        found.append(key)
    return tuple(found)


def brokers(name: str) -> str:
    """Return the variable as `host:port,host:port`; empty when there is none."""
    found = words(name)
    for word in found:
        host, colon, port = word.rpartition(":")
        good = bool(re.fullmatch(_HOST, host)) and bool(colon)
        if not good or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= PORT_MAX:
            raise SettingError(f"{name} must look like host:9092,host:9092; {word!r} is no such place.")
    return ",".join(found)


def redis_url(name: str) -> str:
    """Return the variable as `redis://user:password@host:port/number`, `rediss://` for TLS; empty when there is none.

    Raises SettingError also if the package that talks to Redis is not installed.
    """
    value = text(name)
    if not value:
        return ""
    # No options behind a question mark: they would change the time-outs.
    found = re.fullmatch(rf"rediss?://(?:[^\s@/?#]*@)?{_HOST}(?::([0-9]{{1,5}}))?(?:/[0-9]{{0,5}})?", value)
    if found is None or (found[1] is not None and not 1 <= int(found[1]) <= PORT_MAX):
        raise SettingError(f"{name} must look like redis://user:password@host:6379/0, or rediss:// for TLS.")
    if importlib.util.find_spec("redis") is None:
        raise SettingError(f"{name} is set, but the package redis is not installed: `pip install 'redis>=8.1,<9'`.")
    return value


def pairs(name: str) -> dict[str, str]:
    """Return the variable as a dictionary: `name=value,name=value`."""
    found = {}
    for word in words(name):
        key, equals, value = word.partition("=")
        if not equals:
            raise SettingError(f"{name} must look like name=value,name=value; {key!r} has no value.")
        found[key.strip()] = value.strip()
    return found


@dataclass(frozen=True, slots=True)
class Email:
    """How messages leave: Django's backend and what it needs."""

    backend: str
    folder: Path | None = None
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    use_tls: bool = False
    use_ssl: bool = False


def email(name: str, default: str) -> Email:
    """Return how messages leave: `smtp://user:password@host:25`, `smtp+tls://…:587`, `smtp+ssl://…:465`, `file:///folder`.

    Raises SettingError for any other scheme, a missing host or folder, or a port that is no port.
    """
    try:
        url = urlsplit(text(name, default))
        port = url.port
    except ValueError:
        raise SettingError(f"{name} is not the address of a mail server.") from None
    if url.scheme == "file" and not url.hostname and url.path:
        return Email("paysettle.notifications.mail.files.FileBackend", folder=Path(unquote(url.path)))
    ports = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
    if url.scheme in ports and url.hostname:
        return Email(
            "django.core.mail.backends.smtp.EmailBackend",
            host=url.hostname,
            port=port or ports[url.scheme],
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
            use_tls=url.scheme == "smtp+tls",
            use_ssl=url.scheme == "smtp+ssl",
        )
    raise SettingError(f"{name} must look like smtp+tls://user:password@host:587 or file:///folder.")


def database(name: str, default: str) -> dict[str, Any]:
    """Return Django's description of the database in a URL: `sqlite:///path` or `mysql://user:password@host:port/name`.

    Raises SettingError for any other scheme, a missing name, or a port that is no port.
    """
    value = text(name, default)
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        port = 0
    if port == 0:
        raise SettingError(f"{name} is not a database address.")
    path = unquote(url.path).removeprefix("/")
    if not path.isprintable():
        raise SettingError(f"{name} names a database with unprintable characters.")
    if url.scheme == "sqlite" and path:
        return _sqlite(path)
    if url.scheme in {"mysql", "mariadb"} and path and url.hostname:
        return {
            "ENGINE": "django.db.backends.mysql",
            "NAME": path,
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": url.hostname,
            "PORT": port or 3306,
            "OPTIONS": _mysql_options(),
            # A dead connection must be found before the first query of a request, not by it.
            "CONN_MAX_AGE": 300,
            "CONN_HEALTH_CHECKS": True,
        }
    raise SettingError(f"{name} must look like sqlite:///file or mysql://user:password@host:3306/name.")


def _sqlite(path: str) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            # IMMEDIATE takes the write lock at BEGIN: without it a transaction that reads first fails at once with
            # "database is locked". FULL, because NORMAL can lose acknowledged commits when the power fails.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        },
    }


def _mysql_options() -> dict[str, Any]:
    return {
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        "init_command": (
            "SET sql_mode='STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
            " time_zone='+00:00', innodb_lock_wait_timeout=2"
        ),
        "connect_timeout": 5,
        "read_timeout": 60,
        "write_timeout": 60,
        # FOUND_ROWS, which Django needs to count rows that an update matched; MULTI_STATEMENTS, because the last
        # statements of a transaction and its COMMIT travel together. The numbers are those of both drivers.
        "client_flag": 1 << 1 | 1 << 16,
        # mysqlclient would send bytes as text, and an id is no text in any character set; PyMySQL knows by itself.
        "binary_prefix": True,
    }
