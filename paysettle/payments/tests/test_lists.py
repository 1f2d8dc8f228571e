"""Each filter of the list of payments keeps what it names and leaves out the rest; a preview tells what is left."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from paysettle.payments.models import Payment
from tests.http import InProcess
from tests.money import books_are_right
from tests.moves import authorise
from tests.people import Person, deposit, pay, person

PATH = "/api/v1/payments"


def ids(who: Person, **filters: str) -> list[str]:
    reply = InProcess(who).get(f"{PATH}?{urlencode(filters)}")
    assert reply.status == 200, reply.text
    return [payment["id"] for payment in reply.document["data"]]


@pytest.fixture
def made() -> tuple[Person, Person, Person, list[str]]:
    """Ana has paid 10 to ben and 20 to cem, with a reference, and authorised 30 for ben."""
    ana, ben, cem = (person(name) for name in ("ana", "ben", "cem"))
    deposit(ana, 100)
    to_ben = pay(ana, ben, 10).document()["id"]
    body = {"payee": cem.handle, "amount": {"amount": 20, "currency": "EUR"}, "reference": "order 7"}
    to_cem = InProcess(ana).post(PATH, body).document["id"]
    held = authorise(ana, ben, 30).document()["id"]
    return ana, ben, cem, [to_ben, to_cem, held]


def test_each_filter_leaves_out_the_rest(made: tuple[Person, Person, Person, list[str]]) -> None:
    ana, ben, cem, (to_ben, to_cem, held) = made
    assert ids(ana) == [held, to_cem, to_ben]
    assert ids(ana, counterparty=ben.handle) == [held, to_ben]
    assert ids(ana, counterparty=cem.party) == [to_cem]
    assert ids(ana, state="authorised") == [held]
    assert ids(ana, state="completed") == [to_cem, to_ben]
    assert ids(ana, currency="EUR", amount__gte="20") == [held, to_cem]
    assert ids(ana, currency="EUR", amount__lte="19") == [to_ben]
    assert ids(ana, currency="EUR", amount__gte="11", amount__lte="20") == [to_cem]
    assert ids(ana, currency="USD") == []
    assert ids(ana, reference="order 7") == [to_cem]
    assert ids(ana, reference="order 8") == []
    assert ids(ana, state="completed", counterparty=ben.handle) == [to_ben]
    assert ids(cem) == [to_cem]


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(
    made: tuple[Person, Person, Person, list[str]],
) -> None:
    ana, *_, (to_ben, to_cem, held) = made
    times = Payment.objects.filter(payer_id=ana.party_id).order_by("created_at").values_list("created_at", flat=True)
    first, second, third = (moment.astimezone(UTC).isoformat().replace("+00:00", "Z") for moment in times)
    assert ids(ana, created_at__gte=second) == [held, to_cem]
    assert ids(ana, created_at__lt=second) == [to_ben]
    assert ids(ana, created_at__gte=second, created_at__lt=third) == [to_cem]
    assert ids(ana, created_at__gte=first, created_at__lt=first) == []
    assert ids(ana, created_at__gte=datetime.now(UTC).isoformat()) == []


@pytest.mark.parametrize("later", [False, True], ids=["at once", "held"])
def test_a_preview_tells_what_would_be_left(*, later: bool) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    authorise(ana, ben, 30)
    hold = {"capture": "later"} if later else {}
    body = {"payee": ben.handle, "amount": {"amount": 20, "currency": "EUR"}, **hold}
    found = InProcess(ana).post(f"{PATH}/preview", body).document
    assert found["outcome"] == "accepted"
    assert (found["booked_after"]["amount"], found["available_after"]["amount"]) == (100 if later else 80, 50)
    assert InProcess(ana).post(PATH, body).status == 201
    [wallet] = InProcess(ana).get("/api/v1/accounts").document["data"]
    assert (wallet["booked"], wallet["available"]) == (found["booked_after"], found["available_after"])
    books_are_right(ana, ben)
