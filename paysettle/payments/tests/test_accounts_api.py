"""Balances and statements of one's own wallets."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from paysettle.kernel import identifiers
from tests.http import InProcess
from tests.people import deposit, pay, person
from tests.settle import approve, ask

pytestmark = pytest.mark.money


def test_a_wallet_for_each_currency() -> None:
    ana = person("ana")
    assert InProcess(ana).get("/api/v1/accounts").document == {"data": []}
    deposit(ana, 1_250)
    deposit(ana, 900, "JPY")
    wallets = InProcess(ana).get("/api/v1/accounts").document["data"]
    assert [
        (w["currency"], w["booked"]["decimal"], w["held"]["amount"], w["available"]["amount"]) for w in wallets
    ] == [
        ("EUR", "12.50", 0, 1250),
        ("JPY", "900", 0, 900),
    ]


def test_a_statement_adds_up_and_says_what_for() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    paid = pay(ana, ben, 30).document()["id"]
    settled = ask(ana, ben, 5).document()["id"]
    approve(ben, settled)
    account = InProcess(ana).get("/api/v1/accounts").document["data"][0]["id"]
    lines = InProcess(ana).get(f"/api/v1/accounts/{account}/statement").document["data"]
    assert [(x["sequence"], x["amount"]["amount"], x["balance_after"]["amount"]) for x in lines] == [
        (3, 5, 75),
        (2, -30, 70),
        (1, 100, 100),
    ]
    assert [x["subject"]["kind"] for x in lines] == ["settlement", "payment", "treasury_move"]
    assert [x["subject"]["id"] for x in lines[:2]] == [settled, paid]
    assert [x["counterparty"] and x["counterparty"]["handle"] for x in lines] == [ben.handle, ben.handle, None]


def test_a_statement_has_pages() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    for _ in range(4):
        pay(ana, ben, 1)
    account = InProcess(ana).get("/api/v1/accounts").document["data"][0]["id"]
    path, sequences = f"/api/v1/accounts/{account}/statement?limit=2", []
    while path:
        page = InProcess(ana).get(path).document
        sequences.append([line["sequence"] for line in page["data"]])
        path = page["next"]
    assert sequences == [[5, 4], [3, 2], [1]]


def test_anothers_account_is_not_there() -> None:
    ana, cem = person("ana"), person("cem")
    deposit(ana, 100)
    account = InProcess(ana).get("/api/v1/accounts").document["data"][0]["id"]
    for name in (account, identifiers.show("acc", identifiers.new()), "acc_x"):
        assert InProcess(cem).get(f"/api/v1/accounts/{name}/statement").status == 404


def test_opening_and_lines_add_up_to_closing_for_any_period() -> None:
    ana, ben = person("ana"), person("ben")
    moments = [datetime.now(UTC)]
    deposit(ana, 100)
    for amount_minor in (30, 20, 10):
        moments.append(datetime.now(UTC))
        pay(ana, ben, amount_minor)
    moments.append(datetime.now(UTC))
    client = InProcess(ana)
    path = f"/api/v1/accounts/{client.get('/api/v1/accounts').document['data'][0]['id']}"
    for n, start in enumerate(moments):
        for end in moments[n:]:
            query = urlencode({"from": start.isoformat(), "to": end.isoformat()})
            page = client.get(f"{path}/statement?{query}").document
            lines = sum(line["amount"]["amount"] for line in page["data"])
            assert page["opening"]["amount"] + lines == page["closing"]["amount"]
    past = [
        client.get(f"{path}/balance?{urlencode({'at': moment.isoformat()})}").document["booked"]["amount"]
        for moment in moments
    ]
    assert past == [0, 100, 70, 50, 40]
    assert client.get(f"{path}/balance").document["booked"]["decimal"] == "0.40"


@pytest.mark.parametrize("query", ["at=yesterday", "at=2026-01-01", "at=2026-01-01T00:00:00", "when=now"])
def test_a_moment_that_is_none_is_refused(query: str) -> None:
    ana = person("ana")
    deposit(ana, 100)
    account = InProcess(ana).get("/api/v1/accounts").document["data"][0]["id"]
    assert InProcess(ana).get(f"/api/v1/accounts/{account}/balance?{query}").status == 422
