"""R27: `ledger verify` finds each planted fault of holds, refunds and keys by its id, and nothing in clean books.

A fault is planted in a transaction that is rolled back; the verifier reads inside it. Insert-only tables refuse to be
changed, so what is planted there are rows too many.
"""

import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from paysettle.identity.limit_rules import limit_id
from paysettle.identity.roles import Role
from paysettle.kernel import batch, identifiers
from paysettle.kernel.idempotency import Answer
from paysettle.kernel.snapshot import Snapshot, snapshot
from paysettle.ledger import accounts, verify
from paysettle.payments.models import Payment
from paysettle.payments.operations.bulk import BatchItem, carry_out, submit_batch
from tests import loaded
from tests.approvals import approve, limit
from tests.companies import company
from tests.findings import findings_after
from tests.moves import authorise, batch_of, capture, refund
from tests.people import Person, deposit, pay, payment_order, person
from tests.settle import approve as approve_settlement
from tests.settle import ask

pytestmark = [pytest.mark.money, pytest.mark.early]

PAYMENTS = 500_000 if os.environ.get("TEST_LONG") else 50_000
"""Each has two entries."""
LONG_S = 60
NAMES = (
    "hold",
    "wallet",
    "held",
    "paid",
    "refunded",
    "limit",
    "anas_limit",
    "alone",
    "approved",
    "waits",
    "batch",
    "settled",
)
NEW, OTHER = b"\x01" * 16, b"\x02" * 16


@dataclass(frozen=True)
class Books:
    """Ana has paid ben 60, of which 20 are refunded, and 1 by a batch; 100 are authorised, of which 30 are captured.

    For her company, paul, who is limited, has paid 5 alone and 50 with ana's approval; another 50 wait for hers.
    Ben has asked paul for 5, and ana has settled that for the company.
    """

    ana: Person
    paid: str
    refunded: str
    held: str
    limit: str
    anas_limit: str
    alone: str
    approved: str
    waits: str
    batch: str
    settled: str

    @property
    def wallet(self) -> str:
        return identifiers.show("acc", accounts.wallet(self.ana.party_id, "EUR"))

    @property
    def hold(self) -> str:
        found = Payment.objects.get(id=identifiers.parse("pay", self.held)).hold_id
        assert found is not None
        return identifiers.show("hol", found)

    def id(self, name: str) -> bytes:
        shown = str(getattr(self, name))
        return identifiers.parse(shown[:3], shown).bytes


@pytest.fixture
def books() -> Books:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 1000)
    paid = pay(ana, ben, 60).document()["id"]
    refunded = refund(ben, paid, 20).document()["id"]
    held = authorise(ana, ben, 100).document()["id"]
    capture(ben, held, 30)
    line = BatchItem("line", payment_order(ana, ben, 1), None)
    [accepted] = batch.run(submit_batch, [batch_of(ana, [line])])
    assert isinstance(accepted, Answer)
    sent = accepted.document()["id"]
    carry_out(identifiers.parse("bat", sent))
    firm, paul = company(ana), person("paul")
    paul = firm.join(paul, Role.PAYER)
    deposit(paul, 1000)
    limit(firm, paul, per_payment=10)
    alone, approved, waits = (pay(paul, ben, amount).document()["id"] for amount in (5, 50, 50))
    approve(firm.acted_for_by(ana), approved)
    settled = ask(ben, paul, 5).document()["id"]
    limit(firm, ana, per_payment=10)
    approve_settlement(firm.acted_for_by(ana), settled)
    pauls, anas = (identifiers.show("lim", limit_id(firm.party.id, who.user.id, "EUR")) for who in (paul, ana))
    return Books(ana, paid, refunded, held, pauls, anas, alone, approved, waits, sent, settled)


@dataclass(frozen=True)
class Fault:
    """One statement as root, on what it is planted, and how the finding begins (`{name}` for the ids of the books)."""

    sql: str
    at: tuple[str | bytes, ...]
    found: str


COPIED_LINE = (
    "INSERT INTO ledger_entry (account_id, sequence, transfer_id, amount_minor, balance_after_minor, subject_kind,"
    " subject_id, other_owner_id, booked_at) SELECT account_id, sequence + 1000, transfer_id, amount_minor,"
    " balance_after_minor, {about}, booked_at FROM ledger_entry WHERE account_id = %s AND sequence = 2"
)
FAULTS = {
    "a hold of no payment": Fault(
        "UPDATE ledger_hold SET subject_id = %s WHERE id = %s",
        (NEW, "hold"),
        "holds.payments: {hold} is for no payment",
    ),
    "a step of no hold": Fault(
        "INSERT INTO ledger_hold_move (hold_id, n, kind, amount_minor, event_id, at) SELECT %s, 1, kind,"
        " amount_minor, event_id, at FROM ledger_hold_move WHERE hold_id = %s AND n = 1",
        (NEW, "hold"),
        f"holds: {identifiers.show('hol', UUID(bytes=NEW))} has a step and is not there",
    ),
    "an entry of no transfer": Fault(
        "INSERT INTO ledger_entry (account_id, sequence, transfer_id, amount_minor, balance_after_minor, subject_kind,"
        " subject_id, other_owner_id, booked_at) SELECT account_id, sequence + 1000, %s, amount_minor,"
        " balance_after_minor, subject_kind, subject_id, other_owner_id, booked_at FROM ledger_entry"
        " WHERE account_id = %s AND sequence = 1",
        (NEW, "wallet"),
        f"transfers: {identifiers.show('tra', UUID(bytes=NEW))} has an entry and is not there",
    ),
    "a line that names another payment": Fault(
        COPIED_LINE.format(about="subject_kind, %s, other_owner_id"),
        (NEW, "wallet"),
        "transfers: {wallet} line 1002 is about something else than its transfer",
    ),
    "a line of a payment that calls it a deposit": Fault(
        COPIED_LINE.format(about="'treasury_move', subject_id, other_owner_id"),
        ("wallet",),
        "transfers: {wallet} line 1002 is about something else than its transfer",
    ),
    "a line that names somebody else": Fault(
        COPIED_LINE.format(about="subject_kind, subject_id, %s"),
        (NEW, "wallet"),
        "transfers: {wallet} line 1002 is about something else than its transfer",
    ),
    "a transfer that nobody has ordered": Fault(
        "INSERT INTO ledger_transfer (id, group_id, debit_account_id, credit_account_id, amount_minor, currency,"
        " subject_kind, subject_id, event_id, booked_at, effective_at) SELECT %s, group_id, debit_account_id,"
        " credit_account_id, amount_minor, currency, 'favour', subject_id, event_id, booked_at, effective_at"
        " FROM ledger_transfer WHERE subject_id = %s",
        (NEW, "refunded"),
        f"subjects: {identifiers.show('tra', UUID(bytes=NEW))} is for something that nobody knows",
    ),
    "a second event of one payment": Fault(
        "INSERT INTO event (position, event_id, stream, stream_version, type, actor, party, data, request_id,"
        " recorded_at) SELECT (SELECT MAX(position) + 1 FROM event), %s, stream, stream_version + 100, type, actor,"
        " party, data, request_id, recorded_at FROM event WHERE event_id ="
        " (SELECT event_id FROM ledger_transfer WHERE subject_id = %s)",
        (NEW, "paid"),
        "events.payments: {paid} is at version",
    ),
    "versions that are wrong and add up": Fault(
        "UPDATE payments_payment SET version = CASE WHEN id = %s THEN version + 1 ELSE version - 1 END"
        " WHERE id IN (%s, %s)",
        ("paid", "paid", "held"),
        "events.payments: {paid} is at version",
    ),
    "an event of no payment": Fault(
        "INSERT INTO event (position, event_id, stream, stream_version, type, actor, party, data, request_id,"
        " recorded_at) SELECT (SELECT MAX(position) + 1 FROM event), %s, 'pay_00000000000000000000000000', 1, type,"
        " actor, party, data, request_id, recorded_at FROM event WHERE event_id ="
        " (SELECT event_id FROM ledger_transfer WHERE subject_id = %s)",
        (NEW, "paid"),
        "events.payments: pay_00000000000000000000000000 has 1 events and is not there",
    ),
    "money in suspense": Fault(
        "INSERT INTO ledger_account (id, owner_id, kind, currency, balance_minor, held_minor, sequence, floor_minor,"
        " state, version, last_booked_at) SELECT %s, owner_id, 'suspense', currency, 1, 0, 0, NULL, state, version,"
        " last_booked_at FROM ledger_account WHERE id = %s",
        (NEW, "wallet"),
        f"suspense: {identifiers.show('acc', UUID(bytes=NEW))} is not at zero",
    ),
    "a version without its event": Fault(
        "UPDATE payments_payment SET version = version + 1 WHERE id = %s",
        ("paid",),
        "events.payments: {paid} is at version",
    ),
    "a stuck hold": Fault(
        "UPDATE ledger_hold SET expires_at = '2020-01-01 00:00:00' WHERE id = %s",
        ("hold",),
        "deadlines: {hold} has outlived its deadline",
    ),
    "held money that no hold explains": Fault(
        "UPDATE ledger_account SET held_minor = held_minor + 1 WHERE id = %s",
        ("wallet",),
        "holds: {wallet} does not hold what its open holds add up to",
    ),
    "held money that was forgotten": Fault(
        "UPDATE ledger_account SET held_minor = held_minor - 1 WHERE id = %s",
        ("wallet",),
        "holds: {wallet} does not hold what its open holds add up to",
    ),
    "a hold that says it is captured": Fault(
        "UPDATE ledger_hold SET captured_minor = captured_minor + 1 WHERE id = %s",
        ("hold",),
        "holds: {hold} is not what its steps add up to",
    ),
    "a hold that was closed by hand": Fault(
        "UPDATE ledger_hold SET is_open = 0 WHERE id = %s", ("hold",), "holds: {hold} is not what its steps add up to"
    ),
    "a hold of another amount": Fault(
        "UPDATE ledger_hold SET amount_minor = amount_minor + 1 WHERE id = %s",
        ("hold",),
        "payments.holds: {held} does not agree with its hold",
    ),
    "a hold that is gone": Fault(
        "DELETE FROM ledger_hold WHERE id = %s", ("hold",), "payments.holds: {held} does not agree with its hold"
    ),
    "a step twice": Fault(
        "INSERT INTO ledger_hold_move (hold_id, n, kind, amount_minor, event_id, at) SELECT hold_id, n + 1, kind,"
        " amount_minor, event_id, at FROM ledger_hold_move WHERE hold_id = %s AND n = 2",
        ("hold",),
        "holds: {hold} is not what its steps add up to",
    ),
    "a payment that waits without its hold": Fault(
        "UPDATE payments_payment SET hold_id = %s WHERE id = %s",
        (NEW, "waits"),
        "payments.holds: {waits} does not agree with its hold",
    ),
    "a payment that waits and holds nothing": Fault(
        "UPDATE payments_payment SET hold_id = NULL WHERE id = %s",
        ("waits",),
        "payments.holds: {waits} waits or is authorised and holds nothing",
    ),
    "a payment that passed without approval": Fault(
        "UPDATE payments_payment SET state = 'authorised' WHERE id = %s",
        ("waits",),
        "approvals: {waits} is not where its approvals lead to",
    ),
    "a payment that passed with too few approvals": Fault(
        "UPDATE payments_payment SET approvers_needed = 2 WHERE id = %s",
        ("approved",),
        "approvals: {approved} is not where its approvals lead to",
    ),
    "a payment that waits though enough have approved": Fault(
        "INSERT INTO payments_approval (id, payment_id, person_id, made_by_id, decision, created_at) SELECT %s, id, %s,"
        " created_by_id, 'approved', created_at FROM payments_payment WHERE id = %s",
        (NEW, OTHER, "waits"),
        "approvals: {waits} is not where its approvals lead to",
    ),
    "a payment that was rejected by nobody": Fault(
        "UPDATE payments_payment SET state = 'rejected' WHERE id = %s",
        ("waits",),
        "approvals: {waits} is not where its approvals lead to",
    ),
    "a payment that waits for nobody": Fault(
        "UPDATE payments_payment SET approvers_needed = NULL WHERE id = %s",
        ("waits",),
        "approvals: {waits} waits for nobody",
    ),
    "a payment that its maker has approved": Fault(
        "UPDATE payments_payment SET created_by_id = (SELECT person_id FROM payments_approval WHERE payment_id = %s)"
        " WHERE id = %s",
        ("approved", "approved"),
        "approvals: {approved} has a decision of its maker, or of another payment",
    ),
    "an approval of nothing": Fault(
        "INSERT INTO payments_approval (id, payment_id, person_id, made_by_id, decision, created_at) SELECT %s, %s,"
        " person_id, made_by_id, decision, created_at FROM payments_approval WHERE payment_id = %s",
        (NEW, OTHER, "approved"),
        f"approvals: {identifiers.show('pay', UUID(bytes=OTHER))} has a decision of its maker, or of another payment",
    ),
    "a limit that has counted too little": Fault(
        "UPDATE identity_member_limit SET spent_minor = spent_minor - 1 WHERE id = %s",
        ("limit",),
        "limits: {limit} has counted less than its member has sent",
    ),
    "a limit that began anew": Fault(
        "UPDATE identity_member_limit SET spent_minor = 0 WHERE id = %s",
        ("limit",),
        "limits: {limit} has counted less than its member has sent",
    ),
    "a limit that has not counted a settlement": Fault(
        "UPDATE identity_member_limit SET spent_minor = spent_minor - 1 WHERE id = %s",
        ("anas_limit",),
        "limits.settlements: {anas_limit} has counted less than its member has approved",
    ),
    "a step without an event": Fault(
        "INSERT INTO ledger_hold_move (hold_id, n, kind, amount_minor, event_id, at) SELECT hold_id, n + 1, kind,"
        " amount_minor, %s, at FROM ledger_hold_move WHERE hold_id = %s AND n = 2",
        (NEW, "hold"),
        "holds: {hold} has a step without its event",
    ),
    "a payment that says it is released": Fault(
        "UPDATE payments_payment SET state = 'released' WHERE id = %s",
        ("held",),
        "payments: {held} does not have exactly the transfers of what was captured",
    ),
    "a payment that says it is captured": Fault(
        "UPDATE payments_payment SET captured_minor = captured_minor + 1 WHERE id = %s",
        ("held",),
        "payments: {held} does not have exactly the transfers of what was captured",
    ),
    "a payment that says it is refunded": Fault(
        "UPDATE payments_payment SET refunded_minor = refunded_minor + 1 WHERE id = %s",
        ("paid",),
        "refunds: {paid} does not say what its refunds add up to",
    ),
    "a refund that was forgotten": Fault(
        "UPDATE payments_payment SET refunded_minor = 0 WHERE id = %s",
        ("paid",),
        "refunds: {paid} does not say what its refunds add up to",
    ),
    "a refund that moved nothing": Fault(
        "INSERT INTO payments_refund (id, payment_id, amount_minor, reason, created_by_id, created_at)"
        " SELECT %s, payment_id, amount_minor, reason, created_by_id, created_at FROM payments_refund WHERE id = %s",
        (NEW, "refunded"),
        f"refunds: {identifiers.show('ref', UUID(bytes=NEW))} does not have exactly one transfer",
    ),
    "a refund that was paid twice": Fault(
        "INSERT INTO ledger_transfer (id, group_id, debit_account_id, credit_account_id, amount_minor, currency,"
        " subject_kind, subject_id, event_id, booked_at, effective_at) SELECT %s, group_id, debit_account_id,"
        " credit_account_id, amount_minor, currency, subject_kind, subject_id, %s, booked_at, effective_at"
        " FROM ledger_transfer WHERE subject_id = %s",
        (NEW, OTHER, "refunded"),
        "refunds: {refunded} does not have exactly one transfer",
    ),
    "a refund to somebody else": Fault(
        "INSERT INTO ledger_transfer (id, group_id, debit_account_id, credit_account_id, amount_minor, currency,"
        " subject_kind, subject_id, event_id, booked_at, effective_at) SELECT %s, group_id, credit_account_id,"
        " debit_account_id, amount_minor, currency, subject_kind, subject_id, %s, booked_at, effective_at"
        " FROM ledger_transfer WHERE subject_id = %s",
        (NEW, OTHER, "refunded"),
        f"refunds: {identifiers.show('tra', UUID(bytes=NEW))} does not agree with its refund",
    ),
    "a refund without its key": Fault(
        "DELETE FROM kernel_idempotency_key WHERE object_id = %s",
        ("refunded",),
        "keys.ref: {refunded} is named by no key",
    ),
    "a capture without its key": Fault(
        "DELETE FROM kernel_idempotency_key WHERE object_id = %s AND operation = 'payment.move'",
        ("held",),
        "keys.move: {held} does not have a key for each of its moves",
    ),
    "a key of a move that was not made": Fault(
        "INSERT INTO kernel_idempotency_key (digest, party_id, operation, fingerprint, success, status, object_id,"
        " answer, request_id, created_at) SELECT fingerprint, party_id, operation, fingerprint, success, status,"
        " object_id, answer, request_id, created_at FROM kernel_idempotency_key"
        " WHERE object_id = %s AND operation = 'payment.move'",
        ("held",),
        "keys.move: {held} does not have a key for each of its moves",
    ),
    "a key of a payment that is not there": Fault(
        "UPDATE kernel_idempotency_key SET object_id = %s WHERE object_id = %s AND operation = 'payment.move'",
        (NEW, "held"),
        f"keys.move: {identifiers.show('pay', UUID(bytes=NEW))} is named by a key and is not there",
    ),
    "two keys of one payment": Fault(
        "INSERT INTO kernel_idempotency_key (digest, party_id, operation, fingerprint, success, status, object_id,"
        " answer, request_id, created_at) SELECT fingerprint, party_id, operation, fingerprint, success, status,"
        " object_id, answer, request_id, created_at FROM kernel_idempotency_key WHERE object_id = %s",
        ("paid",),
        "keys: {paid} is named by more than one key",
    ),
    "a payment whose key is another's": Fault(
        "UPDATE kernel_idempotency_key SET object_id = %s WHERE object_id = %s",
        (NEW, "paid"),
        "keys: {paid} is named by no key",
    ),
    "a key of nothing": Fault(
        "UPDATE kernel_idempotency_key SET object_id = %s WHERE object_id = %s",
        (NEW, "paid"),
        f"keys: {identifiers.show('pay', UUID(bytes=NEW))} is named by a key and is not there",
    ),
    "a batch without its key": Fault(
        "DELETE FROM kernel_idempotency_key WHERE object_id = %s",
        ("batch",),
        "keys.bat: {batch} is named by no key",
    ),
    "a refused move with an object": Fault(
        "UPDATE kernel_idempotency_key SET success = 0, request_id = 'req_planted' WHERE object_id = %s"
        " AND operation = 'payment.move'",
        ("held",),
        "keys.move: the refusal of request req_planted has an object",
    ),
    "a settlement without one of its keys": Fault(
        "DELETE FROM kernel_idempotency_key WHERE object_id = %s AND status = 201",
        ("settled",),
        "keys.set: {settled} does not have one key for each of its moves",
    ),
    "a key of a settlement that is not there": Fault(
        "UPDATE kernel_idempotency_key SET object_id = %s WHERE object_id = %s",
        (NEW, "settled"),
        f"keys.set: {identifiers.show('set', UUID(bytes=NEW))} is named by a key and is not there",
    ),
    "a refused settlement with an object": Fault(
        "UPDATE kernel_idempotency_key SET success = 0, request_id = 'req_planted' WHERE object_id = %s",
        ("settled",),
        "keys.set: the refusal of request req_planted has an object",
    ),
    "a leg of no settlement": Fault(
        "INSERT INTO settlements_leg (id, settlement_id, debtor_id, creditor_id, amount_minor, currency)"
        " SELECT %s, %s, debtor_id, creditor_id, amount_minor, currency FROM settlements_leg WHERE settlement_id = %s",
        (OTHER, NEW, "settled"),
        f"settlements: {identifiers.show('set', UUID(bytes=NEW))} has a leg and is not there",
    ),
    "a move of no settlement": Fault(
        "INSERT INTO settlements_move (settlement_id, version, party_id, user_id, what, reason, at)"
        " SELECT %s, version, party_id, user_id, what, reason, at FROM settlements_move WHERE settlement_id = %s",
        (NEW, "settled"),
        f"settlements: {identifiers.show('set', UUID(bytes=NEW))} has a move and is not there",
    ),
    "a part of no batch": Fault(
        "UPDATE payments_batch_part SET batch_id = %s WHERE batch_id = %s",
        (NEW, "batch"),
        f"batches: {identifiers.show('bat', UUID(bytes=NEW))} has a part and is not there",
    ),
    "a batch without its part": Fault(
        "DELETE FROM payments_batch_part WHERE batch_id = %s",
        ("batch",),
        "batches: {batch} does not have all of its parts",
    ),
    "a finished batch with an open part": Fault(
        "UPDATE payments_batch_part SET is_open = 1 WHERE batch_id = %s",
        ("batch",),
        "batches: {batch} does not have all of its parts, or is finished and has open ones",
    ),
    "a refusal that moved money": Fault(
        "UPDATE kernel_idempotency_key SET success = 0, request_id = 'req_planted' WHERE object_id = %s",
        ("refunded",),
        "keys.ref: the refusal of request req_planted has an object",
    ),
}


@pytest.mark.parametrize("planted", FAULTS)
def test_each_fault_is_found_by_its_id(books: Books, planted: str) -> None:
    fault = FAULTS[planted]
    at = [books.id(where) if isinstance(where, str) else where for where in fault.at]
    names = {name: getattr(books, name) for name in NAMES}
    found = findings_after(lambda cursor: cursor.execute(fault.sql, at))
    assert any(line.startswith(fault.found.format(**names)) for line in found), found


@pytest.mark.usefixtures("books")
def test_control_without_a_fault_nothing_is_found() -> None:
    """The same search over the same books, with nothing planted in them."""
    assert findings_after(lambda cursor: cursor.execute("SELECT 1")) == []


@pytest.fixture(scope="module")
def big() -> Iterator[None]:
    """A database of its own with very many payments in it."""
    with loaded.database(PAYMENTS):
        yield


@pytest.mark.usefixtures("big")
def test_clean_books_raise_no_alarm_however_many_they_are(tell: Callable[[str], None]) -> None:
    with loaded.used():
        began = time.monotonic()
        report = verify.verify()
        took_s = time.monotonic() - began
        entries = next(result.seen for result in report.results if result.check.name == "accounts")
        tell(f"{entries} entries verified in {took_s:.1f} s")
        assert report.findings == []
        assert entries == 2 * PAYMENTS + 4  # two deposits
        assert took_s < LONG_S


@pytest.mark.once("mariadb")  # it is slow to count every piece of memory
@pytest.mark.usefixtures("big")
def test_memory_does_not_grow_with_the_ledger(tell: Callable[[str], None]) -> None:
    """A tenth of what the transfers alone would take, if they were all read at once (the control)."""
    with loaded.used():
        peak = _peak(lambda reads: verify.examine(reads, verify.Scope(None)))
        control = _peak(lambda reads: reads.fetch("SELECT * FROM ledger_transfer"))
    tell(f"{2 * PAYMENTS} entries verified in {peak >> 20} MiB, all transfers at once take {control >> 20}")
    assert peak < control / 10


def _peak(read: Callable[[Snapshot], object]) -> int:
    """Return the most memory that a read has held at once, in bytes."""
    with snapshot() as reads:
        tracemalloc.start()
        try:
            read(reads)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.usefixtures("big")
def test_control_one_fault_among_very_many_is_found() -> None:
    """One cent too much in one of two wallets: the silence above is not that of somebody who does not look."""
    with loaded.used():
        sql = "UPDATE ledger_account SET balance_minor = balance_minor + 1 WHERE sequence = %s AND balance_minor = 0"
        found = findings_after(lambda cursor: cursor.execute(sql, [PAYMENTS + 1]))
        assert any(line.startswith("accounts: acc_") for line in found)
        assert any(line.startswith("sums: ledger_account: EUR sums to 1 minor units") for line in found)
