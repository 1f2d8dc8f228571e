"""The limit on look-ups holds in two processes at once: its rows are counted under a lock that the database keeps."""

from collections.abc import Callable

import pytest

from paysettle.identity.models import LookUp
from paysettle.identity.operations import look_ups
from tests import spoilt
from tests.companies import send
from tests.people import Person, person
from tests.server import Server

pytestmark = pytest.mark.money

LEFT = 3
EACH = 6
BODY = {"handle": "nobody-there"}
FIND = "/api/v1/payees/find"


def has_few_left(name: str) -> Person:
    """Make somebody who has made all but a few of the look-ups of this hour."""
    somebody = person(name)
    [(_, most), _] = look_ups.LIMITS
    now = somebody.session.created_at
    row = {"user": somebody.user, "party_id": somebody.party_id, "kind": "find", "asked": b"\0" * 32, "found": False}
    LookUp.objects.bulk_create([LookUp(**row, created_at=now) for _ in range(most - LEFT)])
    return somebody


def test_two_processes_let_through_what_is_left_and_no_more(server: Server) -> None:
    eve = has_few_left("eve")
    client = server.client(eve)
    calls: list[Callable[[], int]] = [lambda: client.post(FIND, BODY).status] * EACH
    calls += [lambda: send(eve, "POST", FIND, BODY).status] * EACH
    assert sorted(spoilt.at_once(calls)) == [404] * LEFT + [429] * (2 * EACH - LEFT)


def test_control_an_answer_that_comes_before_the_limit_is_reached_is_another(server: Server) -> None:
    """With more left than is asked for nobody is refused: it is the limit that the test above has met."""
    client = server.client(person("eve"))
    assert spoilt.at_once([lambda: client.post(FIND, BODY).status] * EACH) == [404] * EACH
