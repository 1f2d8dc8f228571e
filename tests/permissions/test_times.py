"""X1, the times: an id of somebody else is refused in the time that one of nobody's takes, at the median.

The statements that either causes are compared, too: what a quiet machine does in no time a busy one does not.
"""

import itertools
import re
import time
from collections.abc import Iterator
from functools import partial
from uuid import UUID

import pytest

from paysettle.kernel import identifiers
from paysettle.payments import queries
from paysettle.payments.models import Payment
from tests import timing
from tests.permissions.attack import TABLE, Attack, Server, ids_of, with_id
from tests.permissions.callers import cast, signed_in
from tests.permissions.requests import REQUESTS, Request
from tests.statements import noted

pytestmark = pytest.mark.shared

VALUES = re.compile(r"x?'[^']*'|\b\d+\b")
"""What differs in each statement, where the values stand in its text."""

TIMES = 4

BY_ID = [name for name in REQUESTS if TABLE.rows[name].foreign == "404 not_found"]


@pytest.fixture(scope="module")
def attack() -> Attack:
    return Attack(Server(), cast())


def tells(attack: Attack, name: str) -> bool:
    """Return whether the times of a request tell an id of others from one of nobody, in some place that holds an id."""
    headers = signed_in(attack.everybody.theirs.owner)

    def refused(request: Request) -> None:
        reply = attack.server.send(request, headers)
        assert reply.status == 404, (request, reply.text)

    return any(
        timing.differ(itertools.repeat((partial(refused, foreign), partial(refused, absent))))
        for foreign, absent in _pairs(attack, name)
    )


def _pairs(attack: Attack, name: str) -> Iterator[tuple[Request, Request]]:
    """Return a good request with an id of others in one of its places, and with an id of nobody's there."""
    ours, theirs = REQUESTS[name](attack.everybody.ours), REQUESTS[name](attack.everybody.theirs)
    for place, foreign in enumerate(ids_of(ours)):
        absent = identifiers.show(foreign[:3], identifiers.new())
        yield with_id(theirs, place, foreign), with_id(theirs, place, absent)


@pytest.mark.parametrize("name", BY_ID)
def test_what_belongs_to_others_takes_no_other_time_than_nothing(name: str, attack: Attack) -> None:
    assert not tells(attack, name)


def statements(attack: Attack, request: Request) -> list[str]:
    """Return what the database is asked for the sake of a request."""
    with noted() as said:
        reply = attack.server.send(request, signed_in(attack.everybody.theirs.owner))
    assert reply.status == 404, reply.text
    assert said
    return [VALUES.sub("?", sql) for sql in said]


def differing(attack: Attack, name: str) -> list[str]:
    """Return the statements that only an id of others causes, or only one of nobody's, every time that one asks.

    Every time: a request in many fetches for its process how often it may be asked, and the first one what never
    changes.
    """
    return [sql for pair in _pairs(attack, name) for sql in _differing(attack, pair)]


def _differing(attack: Attack, pair: tuple[Request, Request]) -> set[str]:
    found: list[set[str]] = []
    while len(found) < TIMES and (not found or found[-1]):
        foreign, absent = (statements(attack, request) for request in pair)
        found.append({sql for sql in foreign + absent if foreign.count(sql) != absent.count(sql)})
    return set.intersection(*found)


@pytest.mark.parametrize("name", BY_ID)
def test_what_belongs_to_others_is_asked_for_as_nothing_is(name: str, attack: Attack) -> None:
    assert differing(attack, name) == []


def test_control_the_locks_of_others_are_noticed(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: a payment and its wallets are locked before it is asked whose they are."""
    monkeypatch.setattr(queries, "payments_of", lambda _party: Payment.objects.all())
    assert any("FROM ledger_account" in sql for sql in differing(attack, "withdraw_payment"))


def test_control_five_milliseconds_for_what_is_there_are_noticed(
    attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: something is done with a payment before it is asked whose it is."""
    find = queries._payment

    def slowly(party_id: UUID, payment_id: UUID) -> Payment:
        if Payment.objects.filter(id=payment_id).exists():
            time.sleep(timing.PLANTED_S)
        return find(party_id, payment_id)

    monkeypatch.setattr(queries, "_payment", slowly)
    assert tells(attack, "get_payment")
