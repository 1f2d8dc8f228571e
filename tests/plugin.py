"""The test run's own database: real, migrated once, never flushed.

`TEST_DB` says which kind: sqlite (a file), mariadb or mysql (a database of its own on the server that
`TEST_MARIADB_URL` / `TEST_MYSQL_URL` names). This module is imported as a plugin before Django reads its settings.
Tests commit for real and never clean up: insert-only tables refuse it, and each test makes people of its own.
"""

import atexit
import gc
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import asvs

# Not only test modules assert: what they share says just as much when it fails.
pytest.register_assert_rewrite("tests.money", "tests.safety")

KIND = os.environ.get("TEST_DB", "sqlite")
FOLDER = Path(tempfile.mkdtemp(prefix="paysettle-test-"))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
MISSING = "" if KIND == "sqlite" else os.environ.get(f"TEST_{KIND.upper()}_MISSING", "")
_SERVER = os.environ.get(f"TEST_{KIND.upper()}_URL", "")

if KIND != "sqlite" and not _SERVER and not MISSING:
    MISSING = f"no server was started for {KIND}: run the tests with `make test`"

BESIDE = {name for name in os.environ.get("TEST_BESIDE", "").split() if f"TEST_{name.upper()}_URL" in os.environ}
"""What else this run tests on, and has."""

ALL = ("sqlite", "mariadb", "mysql")

SHARING = ("sqlite", "mariadb")
"""Who run what is not `money`, and take turns with what is shared, unless it names others."""

FIRST_PEOPLE: list[str] = []
"""Who was there when the database had just been made."""

_UNSHOWN: list[str] = []

_TOLD: list[str] = []

DATABASE = f"paysettle_test_{os.getpid()}"
if KIND == "sqlite" or MISSING:
    DATABASE_URL = f"sqlite:///{FOLDER / 'test.sqlite3'}"
else:
    DATABASE_URL = _SERVER.rstrip("/") + "/" + DATABASE

os.environ.update(
    DATABASE_URL=DATABASE_URL,
    DJANGO_SETTINGS_MODULE="config.settings",
    SECRET_KEY="only-for-tests-" + "x" * 50,
    PAYSETTLE_VAR=str(FOLDER),
    THROTTLE_FACTOR="10000",  # tests call as fast as they can; those of the throttles have their own
    PUBLIC_URL="http://127.0.0.1:8000",
    JWT_KEYS_FILE=str(FOLDER / "jwt-keys.json"),
    EMAIL_URL=f"file://{FOLDER / 'mail'}",  # of servers that tests start; in process Django keeps mail in memory
)
os.environ.pop("KAFKA_BOOTSTRAP_SERVERS", None)
os.environ.pop("REDIS_URL", None)


def pytest_collection_finish() -> None:
    """Look for garbage less often, and never at what is there from now on to the end: a twelfth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_configure(config: pytest.Config) -> None:
    """Describe the markers."""
    config.addinivalue_line("markers", "money: also runs on MySQL")
    config.addinivalue_line(
        "markers", "once(database): one is enough: SQLite, or the one that is named, if it is there"
    )
    config.addinivalue_line(
        "markers",
        "shared(databases, by): on SQLite or MariaDB in turns, or on those named, what has one parameter `by` on one of"
        " them; in `make test-long` on each",
    )
    config.addinivalue_line("markers", "early: reads all that there is, and comes while that is little")
    config.addinivalue_line("markers", "long: only in `make test-long`")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what has passed."""
    asvs.note(report)


@pytest.fixture(scope="session")
def tell() -> Callable[[str], None]:
    """Return what a test tells its figures to: they stand before the summary of the run."""
    return lambda text: _TOLD.append(f"{KIND}: {text}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what the tests of a worker have told."""
    _TOLD.extend(getattr(node, "workeroutput", {}).get("told", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run of everything that has not passed each test that `docs/asvs.toml` names."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["told"] = _TOLD
    if asvs.is_whole(session):
        _UNSHOWN.extend(asvs.unshown())
        if _UNSHOWN and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the tests have told, and name what could not be had, loudly and last."""
    if _TOLD:
        terminalreporter.section("figures of the tests")
        for text in _TOLD:
            terminalreporter.write_line(text)
    for test in _UNSHOWN:
        terminalreporter.write_line(f"docs/asvs.toml names a test that has not passed: {test}", red=True)
    for name in ("MARIADB", "MYSQL", "KAFKA", "REDIS", "CHROMIUM"):
        reason = os.environ.get(f"TEST_{name}_MISSING")
        if reason:
            terminalreporter.write_line(f"NOT TESTED on {name}: {reason}", red=True, bold=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what is for this database."""
    may_take_turns = "PYTEST_XDIST_WORKER" in os.environ and not os.environ.get("TEST_LONG")
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        once = item.get_closest_marker("once")
        if once:
            for_this = (once.args[0] if {*once.args} & BESIDE else "sqlite") == KIND
        else:
            money, shared = item.get_closest_marker("money"), item.get_closest_marker("shared")
            wanted = ALL if money else shared.args if shared and shared.args else SHARING
            for_this = KIND in wanted
            if may_take_turns and shared and not money and {*wanted} <= BESIDE | {"sqlite"}:
                # By its name: the databases do not collect in one order.
                parameters = item.callspec.params if hasattr(item, "callspec") else {}
                turn = str(parameters.get(shared.kwargs.get("by"), item.nodeid))
                for_this = wanted[zlib.crc32(turn.encode()) % len(wanted)] == KIND
        if item.get_closest_marker("long") and not os.environ.get("TEST_LONG"):
            for_this = False
        (kept if for_this else dropped).append(item)
        if MISSING:
            item.add_marker(pytest.mark.skip(reason=f"{KIND}: {MISSING}"))
    config.hook.pytest_deselected(items=dropped)
    items[:] = sorted(kept, key=lambda item: item.get_closest_marker("early") is None)


@pytest.fixture(scope="session", autouse=True)
def database(django_db_blocker: Any) -> Iterator[None]:
    """Make and migrate the database; at the end verify ledger and events, and drop the database."""
    if MISSING:
        yield
        return
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connections

    from paysettle.ledger.verify import register, verify
    from tests import event_schemas

    settings.PASSWORD_HASHERS = ["tests.hashes.QuickArgon2"]
    settings.WHITENOISE_AUTOREFRESH = True  # each client in process has middleware of its own: none reads every file
    if KIND != "sqlite":
        on_server(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
    with django_db_blocker.unblock():
        call_command("jwt_keys", "create", verbosity=0)
        call_command("migrate", verbosity=0)
        FIRST_PEOPLE[:] = [user.get_username() for user in get_user_model().objects.all()]
        register(subjects=["test"])  # the ledger's own tests post what nobody has ordered
        yield
        findings = verify().findings
        undescribed = list(event_schemas.broken())
        connections.close_all()
    if KIND != "sqlite":
        on_server(f"DROP DATABASE {DATABASE}")
    # Tests that plant faults use a database of their own (tests/spoilt.py), so nothing may be wrong in this one.
    assert findings == []
    assert undescribed == []


def on_server(sql: str) -> None:
    """Run a statement on the server of this run, outside of any database."""
    import pymysql

    url = urlsplit(_SERVER)
    connection = pymysql.connect(
        host=url.hostname or "127.0.0.1",
        port=url.port or 3306,
        user=url.username or "root",
        password=url.password or "",
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
