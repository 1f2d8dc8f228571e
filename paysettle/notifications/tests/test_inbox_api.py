"""The inbox over HTTP: one's own, page by page, read once."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from paysettle.identity import tokens
from paysettle.kernel import identifiers
from paysettle.notifications.models import InboxEntry
from tests import working
from tests.people import Person, deposit, pay, person


def _client(who: Person) -> Client:
    token = tokens.issue_access_token(who.session, who.user, datetime.now(UTC))
    return Client(headers={"Authorization": f"Bearer {token}"})


def _told(count: int) -> tuple[Person, Person]:
    """Return a payer and a payee who has been told of `count` payments of 1, 2, 3 … cents."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5000)
    for number in range(count):
        pay(ana, ben, number + 1)
        working.catch_up("dispatch")
    return ana, ben


def _list(client: Client, address: str = "/api/v1/inbox") -> dict[str, Any]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_it_works() -> None:
    ana, ben = _told(1)
    (entry,) = _list(_client(ben))["data"]
    assert entry["kind"] == "payment_received"
    assert entry["sentence"] == f"{ana.handle} paid you 0.01 EUR"
    assert entry["data"]["party"] == {"id": ana.party, "handle": ana.handle}
    assert entry["data"]["amounts"] == [{"amount": 1, "currency": "EUR", "decimal": "0.01"}]
    assert entry["data"]["subject"].startswith("pay_")
    assert entry["read_at"] is None


def test_pages_hold_every_entry_once_newest_first() -> None:
    _, ben = _told(5)
    client = _client(ben)
    amounts, address = [], "/api/v1/inbox?limit=2"
    while address:
        page = _list(client, address)
        amounts += [entry["data"]["amounts"][0]["amount"] for entry in page["data"]]
        address = page["next"]
    assert amounts == [5, 4, 3, 2, 1]


def test_marking_one_read_twice_changes_nothing() -> None:
    _, ben = _told(2)
    client = _client(ben)
    entry_id = _list(client)["data"][0]["id"]
    first = client.generic("POST", f"/api/v1/inbox/{entry_id}/read")
    assert first.status_code == 200
    assert first.json()["read_at"] is not None
    assert client.generic("POST", f"/api/v1/inbox/{entry_id}/read").json() == first.json()
    assert [entry["id"] == entry_id for entry in _list(client, "/api/v1/inbox?unread=true")["data"]] == [False]
    assert len(_list(client, "/api/v1/inbox?unread=false")["data"]) == 2


@pytest.mark.parametrize(
    ("sent", "type_", "status"),
    [
        (b"\xff{", "application/json", 400),
        (b'{"a": 1, "a": 1}', "application/json", 400),
        (b'{"zzz": 1}', "application/json", 422),
        (b"{}", "text/plain", 415),
        (b" " * 70_000, "application/json", 413),
        (b"{}", "application/json", 200),
    ],
)
def test_marking_one_read_takes_no_body_but_an_empty_one(sent: bytes, type_: str, status: int) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    pay(ana, ben, 1)
    working.catch_up("dispatch")
    client = _client(ben)
    (entry,) = client.get("/api/v1/inbox").json()["data"]
    answer = client.post(f"/api/v1/inbox/{entry['id']}/read", sent, content_type=type_)
    assert answer.status_code == status
    assert (client.get("/api/v1/inbox").json()["data"][0]["read_at"] is not None) == (status == 200)


def test_reading_up_to_an_entry_leaves_what_came_later() -> None:
    _, ben = _told(4)
    client = _client(ben)
    second_newest = _list(client)["data"][1]["id"]
    for _ in range(2):
        answer = client.post("/api/v1/inbox/read", {"up_to": second_newest}, content_type="application/json")
        assert (answer.status_code, answer.json()) == (200, {"unread": 1})


def test_an_entry_of_somebody_else_does_not_exist() -> None:
    ana, ben = _told(1)
    foreign = identifiers.show("ntf", InboxEntry.objects.get(recipient_id=ben.party_id).id)
    client = _client(ana)
    for unknown in (foreign, identifiers.show("ntf", identifiers.new()), "ntf_x", foreign.replace("ntf", "pay")):
        answer = client.generic("POST", f"/api/v1/inbox/{unknown}/read")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        answer = client.post("/api/v1/inbox/read", {"up_to": unknown}, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert InboxEntry.objects.get(recipient_id=ben.party_id).read_at is None
    assert _list(client)["data"] == []


def test_a_stranger_is_refused() -> None:
    answer = Client().get("/api/v1/inbox")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("query", ["unread=yes", "unraed=true", "limit=0", "cursor=x", "unread=true&unread=true"])
def test_a_query_that_makes_no_sense_is_refused(query: str) -> None:
    answer = _client(person("ana")).get(f"/api/v1/inbox?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize("document", [{}, {"up_to": 1}, {"up_to": None}, {"up_to": "x" * 50}, {"upto": "ntf_x"}])
def test_a_body_that_makes_no_sense_is_refused(document: dict[str, Any]) -> None:
    answer = _client(person("ana")).post("/api/v1/inbox/read", document, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
