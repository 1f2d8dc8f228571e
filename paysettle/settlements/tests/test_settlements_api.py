"""Settlements over HTTP: asked, looked at, decided on what was seen."""

import pytest

from tests.http import InProcess
from tests.money import balance
from tests.people import Person, deposit, person

pytestmark = pytest.mark.money


def asked(by: Person, debtor: Person, amount_minor: int = 400) -> str:
    body = {"debtor": debtor.handle, "amount": {"amount": amount_minor, "currency": "EUR"}, "reason": "Cinema"}
    reply = InProcess(by).post("/api/v1/settlements", body)
    assert (reply.status, reply.headers["ETag"]) == (201, '"1"')
    return str(reply.document["id"])


def test_it_works() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ben, 400)
    path = f"/api/v1/settlements/{asked(ana, ben)}"
    seen = InProcess(ben).get(path)
    assert (seen.headers["ETag"], seen.document["moves"][0]["reason"]) == ('"1"', "Cinema")
    reply = InProcess(ben).post(f"{path}/approve", {"reason": "Fine"}, **{"If-Match": seen.headers["ETag"]})
    assert (reply.status, reply.document["state"], reply.headers["ETag"]) == (200, "settled", '"2"')
    for somebody in (ana, ben):
        assert InProcess(somebody).get(path).document == reply.document
    assert balance(ana) == 400


def test_one_approves_what_one_has_seen() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ben, 400)
    path = f"/api/v1/settlements/{asked(ana, ben)}/approve"
    for header, status, code in (
        ({}, 428, "precondition_required"),
        ({"If-Match": "1"}, 400, "precondition_invalid"),
        ({"If-Match": "*"}, 400, "precondition_invalid"),
        ({"If-Match": '"2"'}, 412, "version_mismatch"),
    ):
        reply = InProcess(ben).post(path, **header)
        assert (reply.status, reply.document["code"]) == (status, code)
    assert InProcess(ben).post(path, **{"If-Match": '"1"'}).status == 200


def test_a_body_is_not_needed_to_decide() -> None:
    ana, ben = person("ana"), person("ben")
    path = f"/api/v1/settlements/{asked(ana, ben)}"
    reply = InProcess(ben).post(f"{path}/reject")
    assert (reply.status, reply.document["state"]) == (200, "rejected")


def test_the_same_key_decides_once_and_answers_the_same() -> None:
    ana, ben = person("ana"), person("ben")
    path = f"/api/v1/settlements/{asked(ana, ben)}/withdraw"
    first, second = (InProcess(ana).post(path, key="k") for _ in range(2))
    assert (second.status, second.text, second.headers["Idempotent-Replayed"]) == (200, first.text, "true")
    assert second.headers["ETag"] == first.headers["ETag"] == '"2"'


def test_it_is_listed_for_both_and_nobody_else() -> None:
    ana, ben, cem = person("ana"), person("ben"), person("cem")
    ids = [asked(ana, ben, n) for n in (1, 2, 3)][::-1]
    for somebody in (ana, ben):
        first = InProcess(somebody).get("/api/v1/settlements?limit=2").document
        second = InProcess(somebody).get(first["next"]).document
        assert [s["id"] for s in first["data"] + second["data"]] == ids
    assert InProcess(cem).get("/api/v1/settlements").document["data"] == []
    assert InProcess(cem).get(f"/api/v1/settlements/{ids[0]}").status == 404


def test_it_is_found_by_the_key_that_moved_it() -> None:
    ana, ben = person("ana"), person("ben")
    settlement = asked(ana, ben)
    InProcess(ben).post(f"/api/v1/settlements/{settlement}/reject", key="no")
    found = InProcess(ben).get("/api/v1/settlements?idempotency_key=no").document["data"]
    assert [s["id"] for s in found] == [settlement]
