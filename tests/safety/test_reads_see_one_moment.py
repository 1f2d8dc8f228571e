"""R6: `ledger verify` sees the books as they were at one moment, although money moves while it reads.

Here a payment is made every time it has read how many events there are, and before it reads them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connections

from paysettle.kernel.snapshot import Snapshot
from paysettle.kernel.transactions import Row
from paysettle.ledger import verify as verifier
from tests.money import balance
from tests.people import Person, deposit, pay, person

pytestmark = pytest.mark.money


def test_money_that_moves_while_the_books_are_read_is_no_finding() -> None:
    ana, ben = person("ana"), person("ben")
    assert _verify_while_ana_pays(ana, ben) == []
    assert balance(ben) >= 2


def test_control_reads_of_several_moments_find_events_missing() -> None:
    """Without the snapshot the head and the events are of two moments and do not agree."""
    ana, ben = person("ana"), person("ben")
    with patch.object(verifier, "snapshot", _many_moments):
        findings = _verify_while_ana_pays(ana, ben)
    assert any("the head is at" in finding for finding in findings)


def _verify_while_ana_pays(ana: Person, ben: Person) -> list[str]:
    deposit(ana, 100)
    pay(ana, ben, 1)
    fetch = Snapshot.fetch

    def fetch_and_pay(reads: Snapshot, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        rows = fetch(reads, sql, parameters)
        if "FROM event_head" in sql:
            assert pay(ana, ben, 1).status == 201
        return rows

    with patch.object(Snapshot, "fetch", fetch_and_pay):
        return verifier.verify().findings


@contextmanager
def _many_moments() -> Iterator[Snapshot]:
    connection = connections.create_connection("default")
    try:
        with connection.cursor() as cursor:
            yield Snapshot(cursor)
    finally:
        connection.close()
