"""Payments over HTTP: paid, looked up, listed; another's are not there."""

from urllib.parse import urlencode

import pytest
from django.db import connection

from paysettle.kernel import identifiers
from paysettle.payments.models import Payment
from tests.http import InProcess
from tests.moves import authorise, capture
from tests.people import Person, deposit, pay, person

pytestmark = pytest.mark.money


def order(to: Person, amount_minor: int = 1250, **changed: object) -> dict[str, object]:
    return {"payee": to.handle, "amount": {"amount": amount_minor, "currency": "EUR"}, **changed}


def test_it_works() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5_000)
    reply = InProcess(ana).post("/api/v1/payments", order(ben, note="Lunch"))
    assert reply.status == 201
    assert reply.headers["Content-Type"] == "application/json"
    document = reply.document
    assert document["payer"] == {"id": ana.party, "handle": ana.handle}
    assert document["payee"] == {"id": ben.party, "handle": ben.handle}
    assert document["amount"] == {"amount": 1250, "currency": "EUR", "decimal": "12.50"}
    assert (document["note"], document["state"]) == ("Lunch", "completed")
    assert document["created_at"].endswith("Z")
    for somebody in (ana, ben):
        assert InProcess(somebody).get(f"/api/v1/payments/{document['id']}").document == document


def test_the_payee_may_be_named_by_id() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5_000)
    assert InProcess(ana).post("/api/v1/payments", order(ben) | {"payee": ben.party}).status == 201


def test_a_replay_says_so_and_names_the_first_request() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5_000)
    first = InProcess(ana).post("/api/v1/payments", order(ben), key="k", **{"X-Request-Id": "the-first"})
    second = InProcess(ana).post("/api/v1/payments", order(ben), key="k", **{"X-Request-Id": "the-second"})
    assert (second.status, second.text) == (first.status, first.text)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Original-Request-Id"] == "the-first"
    assert second.headers["X-Request-Id"] == "the-second"


def test_a_refusal_is_a_problem_document() -> None:
    ana, ben = person("ana"), person("ben")
    reply = InProcess(ana).post("/api/v1/payments", order(ben))
    assert reply.status == 422
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.document["code"] == "insufficient_funds"
    assert reply.document["type"] == "/errors#insufficient_funds"
    assert reply.document["request_id"] == reply.headers["X-Request-Id"]


def test_it_is_found_by_its_key() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5_000)
    paid = InProcess(ana).post("/api/v1/payments", order(ben), key="a key/with + signs")
    query = "/api/v1/payments?idempotency_key=a%20key/with%20%2B%20signs"
    assert [p["id"] for p in InProcess(ana).get(query).document["data"]] == [paid.document["id"]]
    assert InProcess(ben).get(query).document["data"] == []  # a key is its party's own
    assert InProcess(ana).get("/api/v1/payments?idempotency_key=another").document["data"] == []


def test_it_is_found_by_the_key_of_a_move() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    held = authorise(ana, ben, 100).document()["id"]
    capture(ben, held, 30, key="part")
    found = InProcess(ben).get("/api/v1/payments?idempotency_key=part").document["data"]
    assert [(payment["id"], payment["captured"]["amount"]) for payment in found] == [(held, 30)]
    assert InProcess(ana).get("/api/v1/payments?idempotency_key=part").document["data"] == []


def test_pages_go_there_and_back() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 700)
    paid = [pay(ana, ben, n).document()["id"] for n in range(1, 8)][::-1]
    client = InProcess(ana)
    first = client.get("/api/v1/payments?limit=3").document
    second = client.get(first["next"]).document
    third = client.get(second["next"]).document
    assert [[p["id"] for p in page["data"]] for page in (first, second, third)] == [paid[:3], paid[3:6], paid[6:]]
    assert (first["previous"], third["next"]) == (None, None)
    assert client.get(third["previous"]).document["data"] == second["data"]
    assert client.get(second["previous"]).document["data"] == first["data"]
    assert client.get(client.get(second["previous"]).document["next"]).document["data"] == second["data"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "?limit"),
        ("limit=101", "?limit"),
        ("limit=x", "?limit"),
        ("cursor=x", "?cursor"),
        ("cursor=YWZ0ZXJ8eHx5", "?cursor"),
        ("limit=1&limit=2", "?limit"),
        ("payer=ana", "?payer"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(query: str, pointer: str) -> None:
    reply = InProcess(person("ana")).get(f"/api/v1/payments?{query}")
    assert reply.status == 422
    assert [error["pointer"] for error in reply.document["errors"]] == [pointer]


def test_a_strangers_payment_is_as_absent_as_one_that_does_not_exist() -> None:
    ana, ben, cem = person("ana"), person("ben"), person("cem")
    deposit(ana, 10)
    paid = pay(ana, ben, 10).document()["id"]
    absent = identifiers.show("pay", identifiers.new())
    replies = [InProcess(cem).get(f"/api/v1/payments/{name}") for name in (paid, absent, "pay_nonsense", "set_0")]
    assert {reply.status for reply in replies} == {404}
    assert len({reply.document["code"] for reply in replies}) == 1
    assert InProcess(cem).get("/api/v1/payments").document["data"] == []


def test_nobody_pays_for_another_party() -> None:
    ana, ben, cem = person("ana"), person("ben"), person("cem")
    deposit(ana, 10)
    reply = InProcess(cem).post("/api/v1/payments", order(ben, 10), **{"Acting-Party": ana.party})
    assert (reply.status, reply.document["code"]) == (403, "not_your_party")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_not_there(method: str) -> None:
    reply = InProcess(person("ana")).send(method, "/api/v1/payments")
    assert reply.status == 405
    assert set(reply.headers["Allow"].split(", ")) == {"GET", "POST", "HEAD", "OPTIONS"}


def test_without_a_token_nothing_is_answered() -> None:
    for reply in (InProcess().get("/api/v1/payments"), InProcess().post("/api/v1/payments", {})):
        assert (reply.status, reply.document["code"]) == (401, "unauthenticated")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")


def test_an_address_that_does_not_exist_is_a_problem_document() -> None:
    reply = InProcess().get("/api/v1/nothing")
    assert (reply.status, reply.document["code"]) == (404, "not_found")


def test_a_request_id_that_is_malformed_is_replaced() -> None:
    reply = InProcess().get("/healthz", **{"X-Request-Id": "two words"})
    assert reply.headers["X-Request-Id"].startswith("req_")


REFERENCES = ["Invoice-1", "invoice-1", "Ínvoice-1", "Strasse", "Straße", "1", "01", "a%", "ab"]


def test_a_reference_is_compared_to_the_letter() -> None:
    """The collations of MySQL and MariaDB hold most of these for equal: case, accents."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5_000)
    client = InProcess(ana)
    made = {
        reference: client.post("/api/v1/payments", order(ben, 10, reference=reference)).document["id"]
        for reference in REFERENCES
    }
    for reference, id_ in made.items():
        found = client.get(f"/api/v1/payments?{urlencode({'reference': reference})}").document["data"]
        assert [payment["id"] for payment in found] == [id_]
        assert found[0]["reference"] == reference


@pytest.mark.parametrize("reference", [" Invoice 7 ", "Cafe\u0301", "\u0645\u06cc\u200c\u062e"])
def test_a_reference_is_found_as_it_was_sent(reference: str) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10)
    client = InProcess(ana)
    made = client.post("/api/v1/payments", order(ben, 10, reference=reference)).document
    (found,) = client.get(f"/api/v1/payments?{urlencode({'reference': reference})}").document["data"]
    assert found == made


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite compares to the letter by itself")
def test_control_by_the_collation_of_the_column_others_are_found_too() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5_000)
    for reference in REFERENCES:
        InProcess(ana).post("/api/v1/payments", order(ben, 10, reference=reference))
    found = Payment.objects.filter(payer_id=ana.party_id, reference="invoice-1")
    assert {"Invoice-1", "invoice-1"} < {payment.reference for payment in found}
