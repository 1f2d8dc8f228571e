"""X5, settlements: whoever may not decide, or decides too late or about something else, changes nothing.

Each test tells who tries what; afterwards the rows of both parties are as they were, but for the key of a refusal that
is kept under it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tests.money import balance, books_are_right
from tests.people import Person, deposit, person
from tests.safety.rows import grown, rows_of
from tests.server import Reply, Server

pytestmark = pytest.mark.money


@dataclass(frozen=True)
class Table:
    """Ana asks ben for 10, who has 100."""

    server: Server
    ana: Person
    ben: Person
    settlement: str

    def decide(self, by: Person, verb: str, *, key: str = "", headers: Mapping[str, str] | None = None) -> Reply:
        """Decide, at the first version unless the headers say otherwise."""
        path = f"/api/v1/settlements/{self.settlement}/{verb}"
        keyed = {"Idempotency-Key": key or secrets.token_hex(12)}
        return self.server.client(by).raw(path, b"", {**keyed, **({"If-Match": '"1"'} if headers is None else headers)})

    def refused(self, by: Person, verb: str, *, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Decide, and return the status and code of the refusal; nothing but a kept key may be left of it."""
        everybody = {self.ana, self.ben, by}
        before = {who.handle: (rows_of(who), balance(who)) for who in everybody}
        reply = self.decide(by, verb, headers=headers)
        for who in everybody:
            rows, money = before[who.handle]
            kept = who is by and reply.document["code"] in {"settlement_not_open", "insufficient_funds"}
            assert grown(rows, rows_of(who)) == ({"keys": 1} if kept else {})
            assert balance(who) == money
        return reply.status, reply.document["code"]

    def state(self) -> tuple[str, int]:
        """Return where the settlement stands."""
        found = self.server.client(self.ana).get(f"/api/v1/settlements/{self.settlement}").document
        return found["state"], found["version"]


@pytest.fixture
def table(server: Server) -> Table:
    ana, ben = person("ana"), person("ben")
    deposit(ben, 100)
    return Table(server, ana, ben, server.client(ana).ask(ben, 10).document["id"])


def test_nobody_approves_or_rejects_their_own_request(table: Table) -> None:
    assert table.refused(table.ana, "approve") == (403, "own_request")
    assert table.refused(table.ana, "reject") == (403, "own_request")
    assert table.state() == ("requested", 1)


def test_nobody_withdraws_what_another_asked_for(table: Table) -> None:
    assert table.refused(table.ben, "withdraw") == (403, "not_your_move")
    assert table.state() == ("requested", 1)


@pytest.mark.parametrize("verb", ["approve", "reject", "withdraw"])
def test_a_stranger_finds_nothing(table: Table, verb: str) -> None:
    eva = person("eva")
    deposit(eva, 100)
    assert table.refused(eva, verb) == (404, "not_found")
    assert table.server.client(eva).get(f"/api/v1/settlements/{table.settlement}").status == 404


@pytest.mark.parametrize("settlement", ["set_" + "0" * 26, "set_1", "pay_" + "0" * 26, "1", "set_" + "u" * 26, "%00"])
def test_what_does_not_exist_is_not_found(table: Table, settlement: str) -> None:
    other = Table(table.server, table.ana, table.ben, settlement)
    assert other.refused(table.ben, "approve") == (404, "not_found")


@pytest.mark.parametrize("first", ["approve", "reject", "withdraw"])
@pytest.mark.parametrize("second", ["approve", "reject", "withdraw"])
def test_a_decision_is_final(table: Table, first: str, second: str) -> None:
    by = {"approve": table.ben, "reject": table.ben, "withdraw": table.ana}
    assert table.decide(by[first], first).status == 200
    decided = table.state()
    current = {"If-Match": '"2"'}
    assert table.refused(by[second], second) == (409, "settlement_not_open")
    assert table.refused(by[second], second, headers=current) == (409, "settlement_not_open")
    assert table.state() == decided
    assert balance(table.ana) == (10 if first == "approve" else 0)
    books_are_right(table.ana, table.ben)


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        pytest.param({}, (428, "precondition_required"), id="missing"),
        pytest.param({"If-Match": "1"}, (400, "precondition_invalid"), id="without quotes"),
        pytest.param({"If-Match": "*"}, (400, "precondition_invalid"), id="any version"),
        pytest.param({"If-Match": 'W/"1"'}, (400, "precondition_invalid"), id="weak"),
        pytest.param({"If-Match": '"1", "2"'}, (400, "precondition_invalid"), id="two"),
        pytest.param({"If-Match": '"01"'}, (400, "precondition_invalid"), id="leading zero"),
        pytest.param({"If-Match": '"-1"'}, (400, "precondition_invalid"), id="negative"),
        pytest.param({"If-Match": f'"{2**63}"'}, (400, "precondition_invalid"), id="too large"),
        pytest.param({"If-Match": ""}, (400, "precondition_invalid"), id="empty"),
        pytest.param({"If-Match": '"2"'}, (412, "version_mismatch"), id="another version"),
    ],
)
def test_approval_is_bound_to_the_version_that_was_seen(
    table: Table, headers: dict[str, str], refusal: tuple[int, str]
) -> None:
    assert table.refused(table.ben, "approve", headers=headers) == refusal
    assert table.state() == ("requested", 1)
    assert table.decide(table.ben, "approve").status == 200


def test_without_funds_it_stays_open_and_a_new_key_settles_it_later(server: Server) -> None:
    ana, ben = person("ana"), person("ben")
    table = Table(server, ana, ben, server.client(ana).ask(ben, 10).document["id"])
    assert table.refused(ben, "approve") == (422, "insufficient_funds")
    first = table.decide(ben, "approve", key="first")
    assert table.state() == ("requested", 1)
    deposit(ben, 10)
    again = table.decide(ben, "approve", key="first")
    assert (again.status, again.text) == (422, first.text)
    assert table.decide(ben, "approve", key="second").status == 200
    assert (balance(ana), balance(ben)) == (10, 0)
    books_are_right(ana, ben)


def test_the_same_key_cannot_decide_something_else(table: Table) -> None:
    assert table.decide(table.ben, "reject", key="one").status == 200
    reused = table.decide(table.ben, "approve", key="one")
    assert (reused.status, reused.document["code"]) == (422, "idempotency_key_reused")
    assert reused.document["object_id"] == table.settlement
    assert table.decide(table.ben, "reject", key="one").headers["Idempotent-Replayed"] == "true"


def test_control_a_decision_that_counts_is_seen(table: Table) -> None:
    """An approval changes rows and money: what the refusals above are compared with would differ."""
    before = rows_of(table.ana)
    assert table.decide(table.ben, "approve").status == 200
    assert grown(before, rows_of(table.ana)) == {"moves": 1, "transfers": 1, "entries": 1}
    assert table.state() == ("settled", 2)
