"""A database of its own for tests that plant faults, so that the run's own ledger stays right.

Within `spoilt_database` this process works in a second, migrated database: `batch.run`, `verify`, the people of
`tests.people`. The lane and the server stay with the first one: leave them alone there. It is made once for a run, so
ask only about the people whom the test has made.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connections

from paysettle.identity import queries as people
from paysettle.kernel import batch
from paysettle.kernel.batch import Outcome
from paysettle.kernel.errors import DomainError
from paysettle.kernel.idempotency import Answer
from paysettle.ledger import accounts
from paysettle.payments.operations import treasury
from tests import plugin
from tests.people import Person, deposit_order

T = TypeVar("T")

NAME = f"{plugin.DATABASE}_spoilt" if plugin.KIND != "sqlite" else str(plugin.FOLDER / "spoilt.sqlite3")


@contextmanager
def made() -> Iterator[None]:
    """Make the second database, and drop it at the end."""
    from django.core.management import call_command

    if plugin.KIND != "sqlite":
        plugin.on_server(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")
    with used():
        call_command("migrate", verbosity=0)
    yield
    if plugin.KIND != "sqlite":
        plugin.on_server(f"DROP DATABASE {NAME}")


@contextmanager
def used(**parameters: Any) -> Iterator[None]:
    """Let new connections of this process lead to the second database, or where `parameters` say (PORT, NAME)."""
    settings = connections.settings["default"]
    changed = parameters or {"NAME": NAME}
    before = {name: settings[name] for name in changed}
    _switch(changed)
    try:
        yield
    finally:
        _switch(before)


def _switch(parameters: dict[str, Any]) -> None:
    connections.close_all()  # this thread's; the lane keeps its own, which stays where it is
    connections.settings["default"].update(parameters)
    # What never changes within one database is remembered for life.
    accounts._found_once.cache_clear()
    people._named.cache_clear()


def deposit(to: Person, amount_minor: int) -> None:
    """Let money in, without the lane."""
    batch.run(treasury.move_treasury, [deposit_order(to, amount_minor)])


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Run the calls in a thread each, with a connection each, and return their results in order."""

    def one(call: Callable[[], T]) -> T:
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def code(outcome: Outcome) -> str:
    """Return `ok` or the code of a refusal."""
    if isinstance(outcome, DomainError):
        return outcome.code
    return "ok" if outcome.status < 400 else str(outcome.document()["code"])


def document(outcome: Outcome) -> dict[str, Any]:
    """Return what a success answered."""
    assert isinstance(outcome, Answer), outcome
    return outcome.document()
