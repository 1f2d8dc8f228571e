"""R13: a disk that is full costs nobody a payment that was acknowledged, is told as such, and the service recovers.

The limit is SQLite's own (`max_page_count`): the server's connections get no page more while the disk is "full".
"""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from tests import server as servers
from tests.money import balance, books_are_right
from tests.people import deposit, person
from tests.plugin import KIND
from tests.safety.load import MixedLoad, Sent

pytestmark = pytest.mark.skipif(KIND != "sqlite", reason="test_full_disk_of_server.py fills the disk of the others")

FULL_S = 1.5


def test_while_the_disk_is_full_callers_are_told_and_then_it_goes_on(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    people = [person(name) for name in ("ana", "ben", "cem")]
    for who in people:
        deposit(who, 10**6)
    full = tmp_path / "full"
    with servers.running(DJANGO_SETTINGS_MODULE="tests.full_disk", FULL_WHEN=str(full)) as server:
        load = MixedLoad(server.address, people)
        with load.running():
            load.wait_for(100)
            full.write_text("")
            began = len(load.sent)
            _wait_for_refusals(load, 20)
            time.sleep(FULL_S)
            assert server.client(people[0]).get("/api/v1/accounts").status == 200  # looking needs no room
            full.unlink()
            ended = len(load.sent)
            load.wait_for(load.acknowledged + 100)
        refusals = [sent.reply for sent in load.sent if sent.reply is not None and sent.reply.status >= 500]
        assert Counter((reply.status, reply.document["code"]) for reply in refusals).keys() == {(503, "unavailable")}
        assert all(reply.headers["Retry-After"] and reply.document["retryable"] for reply in refusals)
        assert _last_refused(load.sent) < ended + 20  # those that were on their way
        tell(f"full: {ended - began} requests, {len(refusals)} of them refused")
        load.settle()
        load.assert_replayed(payments=100)
    told = load.write_log(tmp_path / "told.jsonl")
    call_command("ledger", "verify", "--acknowledged", str(tmp_path / "told.jsonl"))
    assert told >= load.acknowledged
    assert sum(balance(who) for who in people) == len(people) * 10**6
    books_are_right(*people)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        assert cursor.fetchall() == [("ok",)]


def test_control_without_the_limit_nobody_is_refused(tmp_path: Path) -> None:
    """On a disk with room the same load has no refusal to wait for."""
    people = [person(name) for name in ("ana", "ben")]
    for who in people:
        deposit(who, 10**6)
    with servers.running(DJANGO_SETTINGS_MODULE="tests.full_disk", FULL_WHEN=str(tmp_path / "never")) as server:
        load = MixedLoad(server.address, people)
        with load.running(), pytest.raises(AssertionError):
            _wait_for_refusals(load, 1, timeout_s=1)


def _wait_for_refusals(load: MixedLoad, number: int, *, timeout_s: float = 20) -> None:
    give_up_at = time.monotonic() + timeout_s
    while sum(sent.reply is not None and sent.reply.status == 503 for sent in list(load.sent)) < number:
        assert time.monotonic() < give_up_at, "nobody was refused"
        time.sleep(0.02)


def _last_refused(sent: list[Sent]) -> int:
    return max(n for n, one in enumerate(sent) if one.reply is not None and one.reply.status == 503)
