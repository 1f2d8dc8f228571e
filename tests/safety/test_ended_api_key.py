"""X7 for API keys: in whatever way a key ends, nothing is paid with it from that moment on, in any process.

A process remembers whose a key is, so each call asks the database whether it may still act: money under its locks.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch
from uuid import UUID

import pytest

from paysettle.identity import standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import ApiKey
from paysettle.identity.operations import api_keys, members, parties
from paysettle.identity.operations import people as operations
from paysettle.identity.operations.api_keys import NewKey
from paysettle.identity.roles import Permission, Role
from paysettle.identity.standing import Standing
from paysettle.kernel import batch, identifiers, transactions
from paysettle.kernel.idempotency import Answer
from paysettle.kernel.identifiers import SYSTEM
from paysettle.payments.operations import bulk
from paysettle.payments.operations.bulk import BatchItem, batch_order, submit_batch
from paysettle.payments.operations.send import PaymentOrder, send_payment
from paysettle.payments.queries import batch_items
from tests import spoilt
from tests.companies import Company, company
from tests.machines import bearer, caller, new_key, send
from tests.money import balance, books_are_right
from tests.people import Person, deposit, payment_order, person
from tests.safety.paying import paid_around
from tests.server import Server

pytestmark = pytest.mark.money

OPERATOR = Caller(party_id=SYSTEM, operator="tests")


class Firm:
    """A company, the member who made a key for it, and the key."""

    def __init__(self) -> None:
        self.company: Company = company(person("olga"))
        self.owner: Person = self.company.acted_for_by(self.company.owner)
        self.maker: Person = self.company.join(person("paul"), Role.ADMIN)
        self.key: NewKey = new_key(self.maker)

    @property
    def member_id(self) -> UUID:
        """The membership of the maker."""
        return self.company.member(self.maker).id


def _revoke(firm: Firm) -> None:
    api_keys.revoke(by=firm.owner.caller, key_id=firm.key.key.id)


def _rotate(firm: Firm, overlap: timedelta = timedelta(0)) -> None:
    api_keys.rotate(by=firm.owner.caller, key_id=firm.key.key.id, overlap=overlap, life=timedelta(days=1))


def _expire(firm: Firm) -> None:
    now = transactions.run(lambda tx: tx.read_clock())
    ApiKey.objects.filter(id=firm.key.key.id).update(expires_at=now)


def _disable(firm: Firm) -> None:
    operations.disable(by=OPERATOR, user_id=firm.maker.user.id, reason="a test")


def _disable_party(firm: Firm) -> None:
    parties.disable(by=OPERATOR, party_id=firm.company.party.id, reason="a test")


def _remove(firm: Firm) -> None:
    members.remove(by=firm.owner.caller, member_id=firm.member_id)


def _leave(firm: Firm) -> None:
    members.leave(by=firm.maker.caller)


def _demote(firm: Firm) -> None:
    members.change_role(by=firm.owner.caller, member_id=firm.member_id, role=Role.VIEWER)


Ending = Callable[[Firm], None]

ENDINGS: dict[str, tuple[Ending, str]] = {
    "the key is revoked": (_revoke, "invalid_api_key"),
    "the key is replaced without overlap": (_rotate, "invalid_api_key"),
    "the key expires": (_expire, "invalid_api_key"),
    "the maker is disabled": (_disable, "invalid_api_key"),
    "the maker is removed": (_remove, "invalid_api_key"),
    "the maker leaves": (_leave, "invalid_api_key"),
    "the maker loses the right": (_demote, "not_permitted"),
    "the party is disabled": (_disable_party, "party_disabled"),
}


def order(firm: Firm, to: Person) -> PaymentOrder:
    """Return an order that the key has brought."""
    return replace(payment_order(firm.maker, to, 1), by=caller(firm.key))


@pytest.mark.parametrize("how", ENDINGS)
def test_nothing_that_is_sent_afterwards_is_paid(server: Server, how: str) -> None:
    end, code = ENDINGS[how]
    firm, ben = Firm(), person("ben")
    deposit(firm.owner, 10**9)
    body = {"payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}}
    client = server.client()
    sent, ended = paid_around(lambda: client.post("/api/v1/payments", body, **bearer(firm.key)), lambda: end(firm))
    assert {one.code for one in sent if one.at > ended} == {code}
    paid = [one for one in sent if one.code == "ok"]
    assert paid
    assert balance(ben) == len(paid)
    books_are_right(firm.owner, ben)
    # Nor does anything else answer, though `viewer` may still look.
    looked = client.get("/api/v1/payments", **bearer(firm.key))
    assert (looked.status == 200) is (code == "not_permitted")


@pytest.mark.usefixtures("spoilt_database")
@pytest.mark.parametrize("how", ENDINGS)
def test_control_a_key_that_nobody_asks_about_goes_on_paying(how: str) -> None:
    """Without the question in the batch a key that has ended pays on: the set of codes above would hold `ok`."""
    end, code = ENDINGS[how]
    firm, ben = Firm(), person("ben")
    spoilt.deposit(firm.owner, 10)
    end(firm)
    [refused] = batch.run(send_payment, [order(firm, ben)])
    with patch.object(Standing, "_admit_key", lambda _standing, _caller, _needed: None):
        [paid] = batch.run(send_payment, [order(firm, ben)])
    assert (spoilt.code(refused), spoilt.code(paid)) == (code, "ok")


@pytest.mark.parametrize("how", ENDINGS)
def test_what_reads_or_waits_is_refused_too(how: str) -> None:
    """Whatever does not go through a batch asks once, when the caller is known. The key is remembered by then."""
    end, code = ENDINGS[how]
    firm = Firm()
    assert send(firm.key, "GET", "/api/v1/accounts").status == 200
    body = {"payee": firm.owner.handle, "amount": {"amount": 1, "currency": "EUR"}}
    end(firm)
    assert send(firm.key, "POST", "/api/v1/payments/preview", body).document["code"] == code
    looked = send(firm.key, "GET", "/api/v1/accounts")
    assert (looked.status, looked.document.get("code", "not_permitted")) == (
        {"invalid_api_key": 401, "party_disabled": 403, "not_permitted": 200}[code],
        code,
    )
    # Control: with nobody asking, the key would go on.
    with patch.object(standing, "_check_key", lambda _caller, _needed: None):
        assert send(firm.key, "GET", "/api/v1/accounts").status == 200


@pytest.mark.parametrize("how", ENDINGS)
def test_what_is_left_of_an_accepted_batch_is_not_paid_either(how: str) -> None:
    end, code = ENDINGS[how]
    firm, ben = Firm(), person("ben")
    deposit(firm.owner, 10)
    batch_id = _accepted(firm, ben)
    end(firm)
    bulk.carry_out(batch_id)
    assert [item["problem"]["code"] for item in batch_items(batch_id, after=-1, limit=10)] == [code] * 3
    assert balance(ben) == 0


def test_a_batch_that_a_key_has_sent_is_judged_by_its_scopes() -> None:
    """The control: as work of the maker, who may pay, it would be paid."""
    firm, ben = Firm(), person("ben")
    deposit(firm.owner, 10)
    paid = _accepted(firm, ben)
    bulk.carry_out(paid)
    assert balance(ben) == 3
    batch_id = _accepted(firm, ben)
    ApiKey.objects.filter(id=firm.key.key.id).update(scopes=Permission.PAYMENT_READ.value)
    bulk.carry_out(batch_id)
    outcomes = batch_items(batch_id, after=-1, limit=10)
    assert [(item["status"], item["problem"]["code"]) for item in outcomes] == [(403, "scope_missing")] * 3
    assert balance(ben) == 3


def test_an_overlap_lets_both_keys_pay_until_it_ends(server: Server) -> None:
    firm, ben = Firm(), person("ben")
    deposit(firm.owner, 10)
    client, body = server.client(), {"payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}}
    successor = api_keys.rotate(
        by=firm.maker.caller, key_id=firm.key.key.id, overlap=timedelta(seconds=2), life=timedelta(days=1)
    )
    assert client.post("/api/v1/payments", body, **bearer(firm.key)).status == 201
    assert client.post("/api/v1/payments", body, **bearer(successor)).status == 201
    time.sleep(2.1)
    assert client.post("/api/v1/payments", body, **bearer(firm.key)).document["code"] == "invalid_api_key"
    assert client.post("/api/v1/payments", body, **bearer(successor)).status == 201
    assert balance(ben) == 3


def _accepted(firm: Firm, to: Person) -> UUID:
    by = caller(firm.key)
    items = [BatchItem(secrets.token_hex(8), order(firm, to), None) for _ in range(3)]
    key = secrets.token_hex(8)
    [accepted] = batch.run(
        submit_batch, [batch_order(by=by, key=key, items=items, request_id="r", batch_id=identifiers.new())]
    )
    assert isinstance(accepted, Answer)
    assert accepted.object_id is not None
    return accepted.object_id
