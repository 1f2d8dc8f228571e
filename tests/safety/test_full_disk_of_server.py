"""R13: the disk of MariaDB or MySQL is full: nothing acknowledged is lost, callers are told, and it goes on by itself.

The server's data lie on a file system of their own that is filled to the last byte under load. MariaDB refuses the
statement that needs room, or gives up altogether. MySQL waits for room in its binary log: then it is the deadline of
the lane that answers, and nobody knows the outcome until the same key is sent again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connections

from devservers.sql import SqlServer
from tests import own_database, small_disk, spoilt
from tests import server as servers
from tests.money import balance, books_are_right
from tests.people import Person, person
from tests.plugin import KIND
from tests.safety.load import MixedLoad, Sent
from tests.small_disk import SmallDisk

pytestmark = [
    pytest.mark.money,
    pytest.mark.long,
    pytest.mark.skipif(KIND == "sqlite", reason="SQLite has a test of its own, with a limit of its own"),
]

MEGABYTES = 600
FULL_S = 10
RECOVERED_S = 150
"""MySQL looks once a minute whether there is room again."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk.mounted(folder, megabytes=MEGABYTES) as mounted:
        yield mounted


@pytest.fixture
def own(disk: SmallDisk) -> Iterator[SqlServer]:
    with own_database.running(disk.folder) as database:
        yield database


def test_while_the_disk_is_full_callers_are_told_and_then_it_goes_on(
    own: SqlServer, disk: SmallDisk, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    people = _people()
    with servers.running(DATABASE_URL=own_database.url(own)) as server:
        load = MixedLoad(server.address, people)
        with load.running():
            load.wait_for(200)
            disk.fill()
            _wait_for_refusals(load, 8)
            time.sleep(FULL_S)
            if own.is_alive:  # looking needs no room
                assert server.client(people[0]).get("/api/v1/accounts").status == 200
            disk.make_room()
            gave_up = not own.is_alive
            if gave_up:
                own.restart()  # as the service manager of any installation does
            load.wait_for(load.acknowledged + 200, timeout_s=RECOVERED_S)
        told = Counter(_code(sent) for sent in load.sent)
        assert told.keys() <= {"", "unavailable", "overloaded", "outcome_unknown"}
        load.settle()
        load.assert_replayed(payments=100)
    connections.close_all()
    acknowledged = load.write_log(tmp_path / "told.jsonl")
    assert sum(balance(who) for who in people) == len(people) * 10**6
    call_command("ledger", "verify", "--acknowledged", str(tmp_path / "told.jsonl"))
    books_are_right(*people)
    tell(f"{acknowledged} payments acknowledged; told {dict(told)}; the server {'gave up' if gave_up else 'stayed'}")


def test_control_on_a_disk_with_room_nobody_is_refused(own: SqlServer) -> None:
    """On the same disk, not filled, the same load has no refusal to wait for."""
    with servers.running(DATABASE_URL=own_database.url(own)) as server:
        load = MixedLoad(server.address, _people())
        with load.running(), pytest.raises(AssertionError, match="nobody was refused"):
            _wait_for_refusals(load, 1, timeout_s=3)


def _people() -> list[Person]:
    people = [person(name) for name in ("ana", "ben", "cem")]
    for who in people:
        spoilt.deposit(who, 10**6)
    return people


def _code(sent: Sent) -> str:
    """Return with what a request was refused, "" for nothing; nobody may go without an answer."""
    assert sent.reply is not None, f"no answer within {sent.took_s:.0f} s"
    if sent.reply.status in {200, 201}:
        return ""
    assert sent.reply.status == 503, sent.reply.text
    assert sent.reply.headers["Retry-After"]
    assert sent.reply.document["retryable"] is True
    return str(sent.reply.document["code"])


def _wait_for_refusals(load: MixedLoad, number: int, *, timeout_s: float = 60) -> None:
    give_up_at = time.monotonic() + timeout_s
    while sum(sent.reply is not None and sent.reply.status == 503 for sent in list(load.sent)) < number:
        assert time.monotonic() < give_up_at, "nobody was refused"
        time.sleep(0.1)
