"""A member who was removed, or whose role changed, pays nothing more for the organisation from that moment on.

The payment asks for membership and role under its locks, as `test_disabled_payer.py` shows for people and sessions.
"""

from collections.abc import Callable
from unittest.mock import patch

import pytest

from paysettle.identity.operations import members
from paysettle.identity.roles import Role
from paysettle.identity.standing import Standing
from paysettle.kernel import batch
from paysettle.kernel.idempotency import Answer
from paysettle.payments.operations import bulk
from paysettle.payments.operations.bulk import BatchItem, submit_batch
from paysettle.payments.operations.send import send_payment
from paysettle.payments.queries import batch_items
from tests import spoilt
from tests.companies import Company, company
from tests.money import balance, books_are_right
from tests.moves import batch_of
from tests.people import Person, deposit, payment_order, person
from tests.safety.paying import paid_around
from tests.server import Server

pytestmark = pytest.mark.money


def _owner(firm: Company) -> Person:
    return firm.acted_for_by(firm.owner)


def _remove(firm: Company, paul: Person) -> None:
    members.remove(by=_owner(firm).caller, member_id=firm.member(paul).id)


def _demote(firm: Company, paul: Person) -> None:
    members.change_role(by=_owner(firm).caller, member_id=firm.member(paul).id, role=Role.APPROVER)


def _leave(_firm: Company, paul: Person) -> None:
    members.leave(by=paul.caller)


Ending = Callable[[Company, Person], None]

ENDINGS: dict[str, tuple[Ending, str]] = {
    "the member is removed": (_remove, "not_your_party"),
    "the member leaves": (_leave, "not_your_party"),
    "the role changes": (_demote, "not_permitted"),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_nothing_that_is_sent_afterwards_is_paid(server: Server, how: str) -> None:
    end, code = ENDINGS[how]
    olga, paul, ben = person("olga"), person("paul"), person("ben")
    firm = company(olga)
    member = firm.join(paul, Role.PAYER)
    deposit(member, 10**9)
    body = {"payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}}
    client = server.client(paul)
    sent, ended = paid_around(
        lambda: client.post("/api/v1/payments", body, **{"Acting-Party": firm.id}), lambda: end(firm, member)
    )
    assert {one.code for one in sent if one.at > ended} == {code}
    paid = [one for one in sent if one.code == "ok"]
    assert paid
    assert balance(ben) == len(paid)
    books_are_right(member, ben)


@pytest.mark.usefixtures("spoilt_database")
@pytest.mark.parametrize("how", ENDINGS)
def test_control_a_membership_that_nobody_asks_about_goes_on_paying(how: str) -> None:
    """Without the question in the batch whoever was a member pays on: the set of codes above would hold `ok`."""
    end, code = ENDINGS[how]
    olga, paul, ben = person("olga"), person("paul"), person("ben")
    firm = company(olga)
    member = firm.join(paul, Role.PAYER)
    spoilt.deposit(member, 10)
    end(firm, member)
    [refused] = batch.run(send_payment, [payment_order(member, ben, 1)])
    with patch.object(Standing, "admit", lambda _standing, _caller, _needed: None):
        [paid] = batch.run(send_payment, [payment_order(member, ben, 1)])
    assert (spoilt.code(refused), spoilt.code(paid)) == (code, "ok")


@pytest.mark.parametrize("how", ENDINGS)
def test_what_is_left_of_an_accepted_batch_is_not_paid_either(how: str) -> None:
    end, code = ENDINGS[how]
    olga, paul, ben = person("olga"), person("paul"), person("ben")
    firm = company(olga)
    member = firm.join(paul, Role.PAYER)
    deposit(member, 10)
    items = [BatchItem(f"item-{n}", payment_order(member, ben, 1), None) for n in range(3)]
    [accepted] = batch.run(submit_batch, [batch_of(member, items)])
    assert isinstance(accepted, Answer)
    assert accepted.object_id is not None
    end(firm, member)
    bulk.carry_out(accepted.object_id)
    outcomes = batch_items(accepted.object_id, after=-1, limit=10)
    assert [(item["status"], item["problem"]["code"]) for item in outcomes] == [(403, code)] * 3
    assert balance(ben) == 0
