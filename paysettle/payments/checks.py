"""What `ledger verify` asks of payments and treasury moves."""

from collections.abc import Iterator
from functools import partial

from paysettle.kernel.snapshot import Snapshot
from paysettle.ledger.verify import (
    Check,
    Finding,
    Scope,
    Tally,
    count,
    events_of_versions,
    keys_of_nothing,
    outcomes_kept,
    refusals_of_something,
    rows_as_findings,
    rows_of_nothing,
)
from paysettle.payments.operations.bulk import SubmitBatch
from paysettle.payments.operations.moves import MovePayment, RefundPayment
from paysettle.payments.operations.send import SendPayment
from paysettle.payments.operations.treasury import MoveTreasury


def _payments_match_transfers(reads: Snapshot, scope: Scope, tally: Tally) -> Iterator[Finding]:
    """Each payment's transfers go between the wallets of its parties and add up to what was captured. Rule MR13."""
    where, values = scope.transfers("t")
    transfers = f"SELECT t.* FROM ledger_transfer t WHERE t.subject_kind = 'payment' AND {where}"  # noqa: S608
    tally.seen = count(reads, f"SELECT COUNT(*) FROM ({transfers}) t", values)  # noqa: S608
    yield from rows_as_findings(
        reads,
        f"SELECT t.id FROM ({transfers}) t LEFT JOIN payments_payment p ON p.id = t.subject_id"  # noqa: S608
        " LEFT JOIN ledger_account d ON d.id = t.debit_account_id"
        " LEFT JOIN ledger_account c ON c.id = t.credit_account_id"
        " WHERE p.id IS NULL OR p.currency <> t.currency OR p.payer_id <> d.owner_id OR p.payee_id <> c.owner_id",
        values,
        "tra",
        "does not agree with its payment",
    )
    if scope.account_ids is None:
        yield from rows_as_findings(
            reads,
            "SELECT p.id FROM payments_payment p"
            " LEFT JOIN ledger_transfer t ON t.subject_id = p.id AND t.subject_kind = 'payment'"
            # By the key alone, as it is read: no database sorts then. MAX is the one value that there is.
            " GROUP BY p.id HAVING COALESCE(SUM(t.amount_minor), 0) <> MAX(p.captured_minor)"
            " OR (MAX(p.hold_id) IS NULL AND (COUNT(t.id) <> 1 OR MAX(p.captured_minor) <> MAX(p.amount_minor)))"
            " OR (MAX(p.state) IN ('released', 'expired', 'pending_approval', 'rejected', 'withdrawn', 'lapsed')"
            " AND COUNT(t.id) > 0)",
            [],
            "pay",
            "does not have exactly the transfers of what was captured",
        )


def _payments_match_holds(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    tally.seen = count(reads, "SELECT COUNT(hold_id) FROM payments_payment")
    yield from rows_as_findings(
        reads,
        "SELECT p.id FROM payments_payment p LEFT JOIN ledger_hold h ON h.id = p.hold_id"
        " WHERE p.hold_id IS NOT NULL AND (h.id IS NULL OR h.amount_minor <> p.amount_minor"
        " OR h.captured_minor <> p.captured_minor OR (p.state IN ('authorised', 'pending_approval')) <> h.is_open"
        " OR h.subject_id <> p.id)",
        [],
        "pay",
        "does not agree with its hold",
    )
    yield from rows_as_findings(
        reads,
        "SELECT p.id FROM payments_payment p WHERE p.hold_id IS NULL AND p.state IN ('authorised', 'pending_approval')",
        [],
        "pay",
        "waits or is authorised and holds nothing",
    )


def _holds_are_for_payments(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    tally.seen = count(reads, "SELECT COUNT(*) FROM ledger_hold")
    yield from rows_as_findings(
        reads,
        "SELECT h.id FROM ledger_hold h LEFT JOIN payments_payment p ON p.id = h.subject_id AND p.hold_id = h.id"
        " WHERE p.id IS NULL OR h.subject_kind <> 'payment'",
        [],
        "hol",
        "is for no payment",
    )


def _refunds_match_transfers(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    """Each refund has exactly one transfer; refunds never exceed what was captured. Rule MR14."""
    tally.seen = count(reads, "SELECT COUNT(*) FROM payments_refund")
    yield from rows_as_findings(
        reads,
        "SELECT t.id FROM ledger_transfer t LEFT JOIN payments_refund r ON r.id = t.subject_id"
        " LEFT JOIN payments_payment p ON p.id = r.payment_id"
        " LEFT JOIN ledger_account d ON d.id = t.debit_account_id"
        " LEFT JOIN ledger_account c ON c.id = t.credit_account_id"
        " WHERE t.subject_kind = 'refund' AND (p.id IS NULL OR r.amount_minor <> t.amount_minor"
        " OR p.currency <> t.currency OR p.payee_id <> d.owner_id OR p.payer_id <> c.owner_id)",
        [],
        "tra",
        "does not agree with its refund",
    )
    yield from _without_one_transfer(reads, "payments_refund", "refund", "ref")
    yield from rows_as_findings(
        reads,
        "SELECT p.id FROM payments_payment p LEFT JOIN payments_refund r ON r.payment_id = p.id"
        " GROUP BY p.id HAVING COALESCE(SUM(r.amount_minor), 0) <> MAX(p.refunded_minor)"
        " OR MAX(p.refunded_minor) > MAX(p.captured_minor)",
        [],
        "pay",
        "does not say what its refunds add up to",
    )


def _treasury_matches_transfers(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    tally.seen = count(reads, "SELECT COUNT(*) FROM payments_treasury_move")
    yield from rows_as_findings(
        reads,
        "SELECT t.id FROM ledger_transfer t LEFT JOIN payments_treasury_move m ON m.id = t.subject_id"
        " LEFT JOIN ledger_account w ON w.owner_id = m.party_id AND w.id ="
        " CASE WHEN m.direction = 'deposit' THEN t.credit_account_id ELSE t.debit_account_id END"
        " WHERE t.subject_kind = 'treasury_move' AND"
        " (w.id IS NULL OR m.amount_minor <> t.amount_minor OR m.currency <> t.currency)",
        [],
        "tra",
        "does not agree with its treasury move",
    )
    yield from _without_one_transfer(reads, "payments_treasury_move", "treasury_move", "trs")


def _closed_parties_have_nothing(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    tally.seen = count(reads, "SELECT COUNT(*) FROM identity_party WHERE state = 'closed'")
    yield from rows_as_findings(
        reads,
        "SELECT a.id FROM ledger_account a JOIN identity_party p ON p.id = a.owner_id"
        " WHERE p.state = 'closed' AND (a.balance_minor <> 0 OR a.held_minor <> 0)",
        [],
        "acc",
        "has money of somebody who closed their account",
    )


def _without_one_transfer(reads: Snapshot, table: str, kind: str, prefix: str) -> Iterator[Finding]:
    yield from rows_as_findings(
        reads,
        f"SELECT o.id FROM {table} o LEFT JOIN ledger_transfer t ON t.subject_id = o.id AND t.subject_kind = %s"  # noqa: S608
        " GROUP BY o.id HAVING COUNT(t.id) <> 1",
        [kind],
        prefix,
        "does not have exactly one transfer",
    )


def _keys_match_objects(
    table: str, operation: str, prefix: str, reads: Snapshot, _scope: Scope, tally: Tally
) -> Iterator[Finding]:
    """A stored success has exactly one object, an object exactly one key, a stored refusal none."""
    of_operation = "FROM kernel_idempotency_key k WHERE k.operation = %s"
    tally.seen, successes, wrong_refusals = outcomes_kept(reads, operation)
    wrong = list(_keys_without_one_object(reads, table, operation, prefix)) if successes else []
    yield from wrong
    # When each key has an object of its own, and there are as many of both, each object has a key.
    if wrong or successes != count(reads, f"SELECT COUNT(*) FROM {table}"):  # noqa: S608
        yield from rows_as_findings(
            reads,
            f"SELECT o.id FROM {table} o WHERE o.id NOT IN"  # noqa: S608
            f" (SELECT k.object_id {of_operation} AND k.success AND k.object_id IS NOT NULL)",
            [operation],
            prefix,
            "is named by no key",
        )
    if wrong_refusals:
        yield from refusals_of_something(reads, operation)


def _keys_without_one_object(reads: Snapshot, table: str, operation: str, prefix: str) -> Iterator[Finding]:
    """Find the successes whose object is not there, or has another key as well."""
    yield from keys_of_nothing(reads, table, operation, prefix)
    yield from rows_as_findings(
        reads,
        "SELECT k.object_id FROM kernel_idempotency_key k WHERE k.operation = %s AND k.success"
        " GROUP BY k.object_id HAVING COUNT(*) > 1",
        [operation],
        prefix,
        "is named by more than one key",
    )


def _moves_match_keys(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    """A payment's version counts its moves: each capture, release and expiry has a key, each refund a row."""
    keys = "FROM kernel_idempotency_key k WHERE k.operation = %s AND k.success"
    tally.seen, successes, wrong_refusals = outcomes_kept(reads, MovePayment.name)
    if successes:
        yield from keys_of_nothing(reads, "payments_payment", MovePayment.name, "pay")
    if wrong_refusals:
        yield from refusals_of_something(reads, MovePayment.name)
    yield from rows_as_findings(
        reads,
        "SELECT p.id FROM payments_payment p"  # noqa: S608
        f" LEFT JOIN (SELECT k.object_id, COUNT(*) AS moves {keys} GROUP BY k.object_id) k ON k.object_id = p.id"
        " LEFT JOIN (SELECT payment_id, COUNT(*) AS refunds FROM payments_refund GROUP BY payment_id) r"
        " ON r.payment_id = p.id WHERE p.version <> 1 + COALESCE(k.moves, 0) + COALESCE(r.refunds, 0)",
        [MovePayment.name],
        "pay",
        "does not have a key for each of its moves",
    )


def _batches_have_their_parts(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    tally.seen = count(reads, "SELECT COUNT(*) FROM payments_batch")
    yield from rows_as_findings(
        reads,
        "SELECT b.id FROM payments_batch b LEFT JOIN payments_batch_part p ON p.batch_id = b.id"
        " GROUP BY b.id, b.total, b.finished_at HAVING COALESCE(SUM(p.last) - SUM(p.first), 0) + COUNT(p.id) <> b.total"
        " OR (b.finished_at IS NOT NULL AND MAX(CASE WHEN p.is_open THEN 1 ELSE 0 END) <> 0)",
        [],
        "bat",
        "does not have all of its parts, or is finished and has open ones",
    )
    yield from rows_of_nothing(reads, "payments_batch_part", "batch_id", "payments_batch", "bat", "a part")


def _payments_have_their_approvals(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    """I10: what waited moved only when enough distinct people, none its maker, had approved. Rule MR15."""
    tally.seen = count(reads, "SELECT COUNT(approvers_needed) FROM payments_payment")
    yield from rows_as_findings(
        reads,
        "SELECT p.id FROM payments_payment p LEFT JOIN (SELECT a.payment_id,"
        " COUNT(DISTINCT CASE WHEN a.decision = 'approved' THEN a.person_id END) AS approved,"
        " SUM(CASE WHEN a.decision = 'rejected' THEN 1 ELSE 0 END) AS rejected"
        " FROM payments_approval a GROUP BY a.payment_id) d ON d.payment_id = p.id"
        " WHERE p.approvers_needed IS NOT NULL AND"
        " ((p.state IN ('pending_approval', 'rejected', 'withdrawn', 'lapsed'))"
        " = (COALESCE(d.approved, 0) >= p.approvers_needed)"
        " OR (p.state = 'rejected') <> (COALESCE(d.rejected, 0) > 0))",
        [],
        "pay",
        "is not where its approvals lead to",
    )
    yield from rows_as_findings(
        reads,
        "SELECT p.id FROM payments_payment p WHERE p.approvers_needed IS NULL"
        " AND p.state IN ('pending_approval', 'rejected', 'withdrawn', 'lapsed')",
        [],
        "pay",
        "waits for nobody",
    )
    yield from rows_as_findings(
        reads,
        "SELECT a.payment_id FROM payments_approval a LEFT JOIN payments_payment p ON p.id = a.payment_id"
        " WHERE p.id IS NULL OR p.created_by_id <> a.made_by_id OR p.created_by_id = a.person_id",
        [],
        "pay",
        "has a decision of its maker, or of another payment",
    )


def _limits_have_counted(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    """No counter says less than what its member has sent alone since it began. Rule MR16."""
    tally.seen = count(reads, "SELECT COUNT(*) FROM identity_member_limit WHERE spent_since IS NOT NULL")
    yield from rows_as_findings(
        reads,
        "SELECT l.id FROM identity_member_limit l WHERE l.spent_since IS NOT NULL AND l.spent_minor <"
        " (SELECT COALESCE(SUM(p.amount_minor), 0) FROM payments_payment p WHERE p.payer_id = l.party_id"
        " AND p.created_by_id = l.user_id AND p.currency = l.currency AND p.created_at >= l.spent_since"
        " AND p.approvers_needed IS NULL) +"
        " (SELECT COALESCE(SUM(r.amount_minor), 0) FROM payments_refund r"
        " JOIN payments_payment p ON p.id = r.payment_id WHERE p.payee_id = l.party_id"
        " AND r.created_by_id = l.user_id AND p.currency = l.currency AND r.created_at >= l.spent_since)",
        [],
        "lim",
        "has counted less than its member has sent",
    )


SUBJECTS = ("payment", "refund", "treasury_move")

CHECKS = [
    Check("payments", "Each payment has exactly the transfers of what was captured.", _payments_match_transfers),
    Check("payments.holds", "Each authorised payment agrees with its hold.", _payments_match_holds, whole=True),
    Check("holds.payments", "Each hold is that of a payment.", _holds_are_for_payments, whole=True),
    Check(
        "events.payments",
        "Each version of a payment has its event (I8).",
        partial(events_of_versions, "payments_payment", "pay"),
        whole=True,
    ),
    Check(
        "approvals",
        "What waited for approval moved only after enough others had approved (I10).",
        _payments_have_their_approvals,
        whole=True,
    ),
    Check("batches", "Each batch has all of its parts, each part its batch.", _batches_have_their_parts, whole=True),
    Check("limits", "No limit has counted less than was sent.", _limits_have_counted, whole=True),
    Check(
        "refunds", "Each refund has one transfer, never above what was captured.", _refunds_match_transfers, whole=True
    ),
    Check("treasury", "Each treasury move has exactly one transfer.", _treasury_matches_transfers, whole=True),
    Check("closed", "Whoever has closed their account has no money.", _closed_parties_have_nothing, whole=True),
    Check(
        "keys",
        "Each payment has exactly one key, each stored success its payment, each refusal none.",
        partial(_keys_match_objects, "payments_payment", SendPayment.name, SendPayment.prefix),
        whole=True,
    ),
    Check("keys.move", "Each move of a payment has a key of its own.", _moves_match_keys, whole=True),
    Check(
        "keys.ref",
        "Each refund has exactly one key, each stored success its refund, each refusal none.",
        partial(_keys_match_objects, "payments_refund", RefundPayment.name, RefundPayment.prefix),
        whole=True,
    ),
    Check(
        "keys.trs",
        "Each treasury move has exactly one key, each stored success its move, each refusal none.",
        partial(_keys_match_objects, "payments_treasury_move", MoveTreasury.name, MoveTreasury.prefix),
        whole=True,
    ),
    Check(
        "keys.bat",
        "Each batch has exactly one key, each stored success its batch, each refusal none.",
        partial(_keys_match_objects, "payments_batch", SubmitBatch.name, SubmitBatch.prefix),
        whole=True,
    ),
]
