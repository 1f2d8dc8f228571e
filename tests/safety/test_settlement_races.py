"""Of two decisions about one settlement that land together exactly one wins, and money moves only if it is approval.

After each race the settlement's history is legal (`ledger verify`, I10).
"""

import os
from collections import Counter
from functools import partial

import pytest

from paysettle.kernel import batch, identifiers
from paysettle.ledger.verify import verify
from paysettle.settlements.lifecycle import Verb
from paysettle.settlements.operations.moves import move_settlement
from tests import spoilt
from tests.money import balance, books_are_right
from tests.orders import decision, request_order
from tests.people import Person, deposit, person
from tests.plugin import KIND
from tests.release import Request, released_together
from tests.safety import planted
from tests.server import Server

pytestmark = pytest.mark.money

ROUNDS = 200 if os.environ.get("TEST_LONG") else 8


def test_two_approvals_one_wins(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ben, 10 * ROUNDS)
    for turn in range(1, ROUNDS + 1):
        settlement = server.client(ana).ask(ben, 10).document["id"]
        replies = released_together(server, [_decision(ben, settlement, "approve") for _ in range(2)])
        assert Counter(reply.status for reply in replies) == {200: 1, 409: 1}
        assert (balance(ana), balance(ben)) == (10 * turn, 10 * (ROUNDS - turn))
    books_are_right(ana, ben)
    assert verify().findings == []


@pytest.mark.parametrize("other", ["withdraw", "reject"])
def test_approval_against_another_decision_pays_only_if_it_wins(server: Server, other: str) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ben, 10 * ROUNDS)
    by_other = ana if other == "withdraw" else ben
    approved = 0
    for turn in range(ROUNDS):
        settlement = server.client(ana).ask(ben, 10).document["id"]
        race = [_decision(ben, settlement, "approve"), _decision(by_other, settlement, other)]
        replies = released_together(server, race if turn % 2 else race[::-1])
        assert Counter(reply.status for reply in replies) == {200: 1, 409: 1}
        (lost,) = [reply.document["code"] for reply in replies if reply.status == 409]
        assert lost == "settlement_not_open"
        state = server.client(ana).get(f"/api/v1/settlements/{settlement}").document["state"]
        assert state in {"settled", {"withdraw": "withdrawn", "reject": "rejected"}[other]}
        approved += state == "settled"
        assert balance(ana) == 10 * approved
    books_are_right(ana, ben)
    assert verify().findings == []


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite lets one transaction in at a time: nothing can read in between")
@pytest.mark.usefixtures("spoilt_database")
@pytest.mark.parametrize("other", [Verb.APPROVE, Verb.WITHDRAW])
def test_control_without_locks_both_decisions_win(other: Verb) -> None:
    """Without row locks and guards both decisions see an open settlement: the counts above would be two successes."""
    ana, ben = person("ana"), person("ben")
    spoilt.deposit(ben, 100)
    [asked] = batch.run(move_settlement, [request_order(ana, ben, 10)])
    settlement = identifiers.parse("set", spoilt.document(asked)["id"])
    orders = [
        decision(ben, Verb.APPROVE, settlement),
        decision(ana if other is Verb.WITHDRAW else ben, other, settlement),
    ]
    with planted.naive_transactions(meet=2):
        outcomes = spoilt.at_once([partial(batch.run, move_settlement, [order]) for order in orders])
    assert [spoilt.code(outcome) for [outcome] in outcomes] == ["ok", "ok"]
    assert any("which its moves do not lead to" in finding for finding in verify().findings)


def _decision(by: Person, settlement: str, verb: str) -> Request:
    return f"/api/v1/settlements/{settlement}/{verb}", by, {}, {"If-Match": '"1"'}
