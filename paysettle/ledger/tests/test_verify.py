"""The verifier finds each planted fault by id, and nothing wrong where nothing is. Controls of every other test.

A fault is planted in a transaction that is rolled back; the verifier reads inside it.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from paysettle.identity.operations import closing
from paysettle.identity.roles import Role
from paysettle.kernel import identifiers
from paysettle.kernel.identifiers import SYSTEM
from paysettle.ledger import accounts, verify
from paysettle.ledger.chart import SUSPENSE
from tests.approvals import limit
from tests.companies import company
from tests.findings import findings_after
from tests.http import InProcess
from tests.moves import authorise, capture, refund
from tests.people import Person, deposit, pay, person
from tests.settle import approve, ask

pytestmark = pytest.mark.money


@dataclass(frozen=True, slots=True)
class Books:
    """Two people, a payment and a settlement; whatever a check looks at has happened once."""

    ana: Person
    ben: Person
    payment: str
    settlement: str

    @property
    def wallet(self) -> bytes:
        return accounts.wallet(self.ana.party_id, "EUR").bytes

    @property
    def shown_wallet(self) -> str:
        return identifiers.show("acc", accounts.wallet(self.ana.party_id, "EUR"))

    def id(self, prefix: str) -> bytes:
        return identifiers.parse(prefix, self.payment if prefix == "pay" else self.settlement).bytes


@pytest.fixture
def books() -> Books:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    deposit(ben, 100)
    capture(ben, authorise(ana, ben, 5).document()["id"], 2)
    refund(ben, pay(ana, ben, 5).document()["id"])
    payment = pay(ana, ben, 60).document()["id"]
    settlement = ask(ana, ben, 25).document()["id"]
    approve(ben, settlement)
    firm = company(ana)
    paul = firm.join(person("paul"), Role.PAYER)
    deposit(paul, 100)
    limit(firm, paul, per_payment=10)
    pay(paul, ben, 10)
    pay(paul, ben, 11)
    item = {"key": "one", "payee": ben.handle, "amount": {"amount": 1, "currency": "EUR"}}
    assert InProcess(ana).post("/api/v1/payment-batches", {"items": [item]}).status == 200
    closing.close_own(by=person("cleo").caller)
    accounts.open_missing([(SYSTEM, SUSPENSE.code, "EUR")])
    return Books(ana, ben, payment, settlement)


@pytest.mark.usefixtures("books")
def test_clean_books_have_no_finding() -> None:
    report = verify.verify()
    assert report.findings == []
    assert all(result.seen > 0 for result in report.results)


def test_a_changed_balance(books: Books) -> None:
    found = findings_after(
        lambda c: c.execute("UPDATE ledger_account SET balance_minor = balance_minor + 1 WHERE id = %s", [books.wallet])
    )
    assert any(line.startswith("accounts: ") and books.shown_wallet in line for line in found)
    assert any(line.startswith("sums: ledger_account: EUR") for line in found)


def test_a_lost_update(books: Books) -> None:
    found = findings_after(
        lambda c: c.execute("UPDATE ledger_account SET sequence = sequence - 1 WHERE id = %s", [books.wallet])
    )
    assert any(books.shown_wallet in line for line in found)


def test_a_payment_without_its_key(books: Books) -> None:
    found = findings_after(
        lambda c: c.execute("DELETE FROM kernel_idempotency_key WHERE object_id = %s", [books.id("pay")])
    )
    assert f"keys: {books.payment} is named by no key" in found


def test_a_key_without_its_payment(books: Books) -> None:
    found = findings_after(lambda c: c.execute("DELETE FROM payments_payment WHERE id = %s", [books.id("pay")]))
    assert f"keys: {books.payment} is named by a key and is not there" in found
    assert any(line.startswith("payments: tra_") for line in found)


def test_a_changed_payment(books: Books) -> None:
    found = findings_after(
        lambda c: c.execute("UPDATE payments_payment SET amount_minor = 61 WHERE id = %s", [books.id("pay")])
    )
    assert any(line.startswith(f"payments: {books.payment}") for line in found)


def test_a_transfer_without_entries_and_event(books: Books) -> None:
    def plant(cursor: Any) -> None:
        cursor.execute(
            "INSERT INTO ledger_transfer (id, group_id, debit_account_id, credit_account_id, amount_minor, currency,"
            " subject_kind, subject_id, event_id, booked_at, effective_at) SELECT %s, group_id, debit_account_id,"
            " credit_account_id, amount_minor, currency, subject_kind, subject_id, %s, booked_at, effective_at"
            " FROM ledger_transfer WHERE subject_id = %s",
            [b"\x01" * 16, b"\x02" * 16, books.id("pay")],
        )

    shown = identifiers.show("tra", UUID(bytes=b"\x01" * 16))
    found = findings_after(plant)
    assert f"transfers: {shown} does not have exactly its two entries" in found
    assert f"events: {shown} has no event" in found
    assert f"payments: {books.payment} does not have exactly the transfers of what was captured" in found


def test_an_entry_that_skips_a_line(books: Books) -> None:
    def plant(cursor: Any) -> None:
        cursor.execute(
            "INSERT INTO ledger_entry (account_id, sequence, transfer_id, amount_minor, balance_after_minor,"
            " subject_kind, subject_id, other_owner_id, booked_at) SELECT account_id, sequence + 49, transfer_id, 1,"
            " balance_after_minor, subject_kind, subject_id, other_owner_id, booked_at FROM ledger_entry"
            " WHERE account_id = %s AND sequence = 1",
            [books.wallet],
        )

    found = findings_after(plant)
    assert f"accounts: {books.shown_wallet} line 50 follows no line 49" in found


@pytest.mark.usefixtures("books")
def test_a_missing_event() -> None:
    found = findings_after(lambda c: c.execute("UPDATE event_head SET position = position + 1"))
    assert any(line.startswith("positions: ") for line in found)


def test_a_settlement_in_a_state_that_it_never_reached(books: Books) -> None:
    found = findings_after(
        lambda c: c.execute("UPDATE settlements_settlement SET state = 'rejected' WHERE id = %s", [books.id("set")])
    )
    assert f"settlements: {books.settlement} does not have exactly the transfers of its legs" in found
    assert any(line.startswith(f"histories: {books.settlement}") for line in found)


def test_a_missing_trigger() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("MySQL and MariaDB commit DDL at once: it could not be rolled back")
    found = findings_after(lambda c: c.execute("DROP TRIGGER ledger_entry_never_updated"))
    assert found == ["triggers: ledger_entry_never_updated is missing: run migrate"]


def test_only_some_accounts(books: Books) -> None:
    report = verify.verify([accounts.wallet(books.ana.party_id, "EUR")])
    assert report.findings == []
    assert {result.check.name for result in report.results} == {
        "transfers",
        "accounts",
        "suspense",
        "holds",
        "deadlines",
        "events",
        "payments",
    }
