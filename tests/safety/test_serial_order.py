"""R7: an account's lines stand in an order that could have been: what was answered before another began comes first."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from django.db import connection

from paysettle.kernel import identifiers
from tests.money import books_are_right
from tests.people import Person, deposit, person
from tests.server import Server

pytestmark = pytest.mark.money

THREADS = 8
EACH = 1000 if os.environ.get("TEST_LONG") else 25


@dataclass(frozen=True)
class Paid:
    """When a payment was sent and answered, and the line it became in the payee's account."""

    began: float
    ended: float
    line: int


def test_what_was_answered_before_another_began_has_the_earlier_line(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, THREADS * EACH)
    client = server.client(ana)

    def pay(_: int) -> tuple[float, float, str]:
        began = time.monotonic()
        payment = client.pay(ben, 1).document["id"]
        return began, time.monotonic(), payment

    with ThreadPoolExecutor(THREADS) as pool:
        timed = list(pool.map(pay, range(THREADS * EACH)))
    lines = _lines_of(ben)
    paid = [Paid(began, ended, lines[payment]) for began, ended, payment in timed]
    assert _is_an_order(paid)
    assert sorted(lines.values()) == list(range(1, THREADS * EACH + 1))
    books_are_right(ana, ben)


def test_control_two_lines_the_wrong_way_round_are_seen() -> None:
    """An earlier payment with a later line breaks the order."""
    first, second = Paid(0, 1, line=1), Paid(2, 3, line=2)
    assert _is_an_order([first, second, Paid(0, 3, line=3)])
    assert not _is_an_order([replace(first, line=2), replace(second, line=1)])


def _is_an_order(payments: Sequence[Paid]) -> bool:
    """Tell whether no payment ended before one with an earlier line began."""
    latest_began = 0.0
    for paid in sorted(payments, key=lambda paid: paid.line):
        if paid.ended < latest_began:
            return False
        latest_began = max(latest_began, paid.began)
    return True


def _lines_of(payee: Person) -> dict[str, int]:
    """Return the line of each payment in somebody's wallet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.subject_id, e.sequence FROM ledger_entry e JOIN ledger_transfer t ON t.id = e.transfer_id"
            " JOIN ledger_account a ON a.id = e.account_id WHERE a.owner_id = %s",
            [payee.party_id.bytes],
        )
        return {identifiers.show("pay", UUID(bytes=bytes(id_))): line for id_, line in cursor.fetchall()}
