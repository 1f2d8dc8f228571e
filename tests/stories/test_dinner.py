"""A story from start to end: three friends, a dinner, and who owes what afterwards. Every step goes over HTTP."""

from typing import Any

import pytest

from tests.money import books_are_right
from tests.people import deposit, person
from tests.server import Client, Server

pytestmark = pytest.mark.money


def test_dinner(server: Server) -> None:
    ana, ben, eva = person("ana"), person("ben"), person("eva")
    as_ana, as_ben, as_eva = (server.client(somebody) for somebody in (ana, ben, eva))

    # Everybody brings some money; ana pays the restaurant's bill of 90.00, which eva's sister runs: eva receives it.
    deposit(ana, 100_00)
    deposit(ben, 20_00)
    paid = as_ana.pay(eva, 90_00)
    assert paid.status == 201
    assert paid.document["amount"]["decimal"] == "90.00"
    assert as_eva.get(f"/api/v1/payments/{paid.document['id']}").document == paid.document

    # Ana asks both for their share of 30.00. Ben has too little, so his approval is refused and stays open.
    from_ben = as_ana.ask(ben, 30_00).document
    from_eva = as_ana.ask(eva, 30_00).document
    refused = as_ben.decide(from_ben["id"], "approve")
    assert (refused.status, refused.document["code"]) == (422, "insufficient_funds")
    assert as_ben.get(f"/api/v1/settlements/{from_ben['id']}").document["state"] == "requested"

    # Eva approves at once. Ben gets 15.00 from eva and approves then, looking at what he approves.
    assert as_eva.decide(from_eva["id"], "approve").document["state"] == "settled"
    assert as_eva.pay(ben, 15_00).status == 201
    seen = as_ben.get(f"/api/v1/settlements/{from_ben['id']}")
    assert seen.headers["ETag"] == '"1"'
    settled = as_ben.decide(from_ben["id"], "approve")
    assert [move["what"] for move in settled.document["moves"]] == ["request", "approve"]

    # Ana asks ben once more by mistake and takes it back; she asks eva for a taxi that eva did not take.
    assert as_ana.decide(as_ana.ask(ben, 30_00).document["id"], "withdraw").document["state"] == "withdrawn"
    taxi = as_ana.ask(eva, 12_50).document["id"]
    assert as_eva.decide(taxi, "reject").document["state"] == "rejected"
    too_late = as_eva.decide(taxi, "approve")
    assert (too_late.status, too_late.document["code"]) == (409, "settlement_not_open")

    # Ben would like to pay more than he has.
    assert as_ben.pay(ana, 5_01).document["code"] == "insufficient_funds"

    balances = {who.handle: _statement_adds_up(client) for who, client in ((ana, as_ana), (ben, as_ben), (eva, as_eva))}
    assert balances == {ana.handle: 70_00, ben.handle: 5_00, eva.handle: 45_00}
    assert [payment["payee"]["handle"] for payment in _all(as_ana, "/api/v1/payments")] == [eva.handle]
    states = [settlement["state"] for settlement in _all(as_ana, "/api/v1/settlements")]
    assert states == ["rejected", "withdrawn", "settled", "settled"]
    books_are_right(ana, ben, eva)


def _statement_adds_up(client: Client) -> int:
    """Follow a wallet's lines from the newest to the first, two at a time; return the balance they lead to."""
    (wallet,) = client.get("/api/v1/accounts").document["data"]
    lines = _all(client, f"/api/v1/accounts/{wallet['id']}/statement")
    assert [line["sequence"] for line in lines] == list(range(len(lines), 0, -1))
    closing = 0
    for line in reversed(lines):
        closing += line["amount"]["amount"]
        assert line["balance_after"]["amount"] == closing
        assert (line["counterparty"] is None) == (line["subject"]["kind"] == "treasury_move")
    assert wallet["booked"] == wallet["available"]
    assert wallet["booked"]["amount"] == closing
    return closing


def _all(client: Client, path: str) -> list[dict[str, Any]]:
    """Return everything on a list, page by page."""
    found: list[dict[str, Any]] = []
    next_: str | None = f"{path}?limit=2"
    while next_:
        page = client.get(next_).document
        found += page["data"]
        next_ = page["next"]
    return found
