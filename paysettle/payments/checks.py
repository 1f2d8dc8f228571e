"""What `ledger verify` asks of payments and treasury moves."""

from collections.abc import Iterator
from functools import partial

from paysettle.kernel.snapshot import Snapshot
from paysettle.ledger.verify import Check, Finding, Scope, Tally, count, rows_as_findings
from paysettle.payments.operations.send import SendPayment
from paysettle.payments.operations.treasury import MoveTreasury


def _payments_match_transfers(reads: Snapshot, scope: Scope, tally: Tally) -> Iterator[Finding]:
    """Each payment has exactly one transfer, between the wallets of its parties; each such transfer has its payment."""
    where, values = scope.transfers("t")
    transfers = f"SELECT t.* FROM ledger_transfer t WHERE t.subject_kind = 'payment' AND {where}"  # noqa: S608
    tally.seen = count(reads, f"SELECT COUNT(*) FROM ({transfers}) t", values)  # noqa: S608
    yield from rows_as_findings(
        reads,
        f"SELECT t.id FROM ({transfers}) t LEFT JOIN payments_payment p ON p.id = t.subject_id"  # noqa: S608
        " LEFT JOIN ledger_account d ON d.id = t.debit_account_id"
        " LEFT JOIN ledger_account c ON c.id = t.credit_account_id"
        " WHERE p.id IS NULL OR p.amount_minor <> t.amount_minor OR p.currency <> t.currency"
        " OR p.payer_id <> d.owner_id OR p.payee_id <> c.owner_id",
        values,
        "tra",
        "does not agree with its payment",
    )
    if scope.account_ids is None:
        yield from _without_one_transfer(reads, "payments_payment", "payment", "pay")


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
    tally.seen = count(reads, "SELECT COUNT(*) FROM kernel_idempotency_key WHERE operation = %s", [operation])
    keys = "kernel_idempotency_key k WHERE k.operation = %s AND k.success"
    yield from rows_as_findings(
        reads,
        f"SELECT k.object_id FROM {keys} AND k.object_id NOT IN (SELECT id FROM {table})",  # noqa: S608
        [operation],
        prefix,
        "is named by a key and is not there",
    )
    yield from rows_as_findings(
        reads,
        f"SELECT k.object_id FROM {keys} GROUP BY k.object_id HAVING COUNT(*) > 1",  # noqa: S608
        [operation],
        prefix,
        "is named by more than one key",
    )
    yield from rows_as_findings(
        reads,
        f"SELECT o.id FROM {table} o WHERE o.id NOT IN (SELECT k.object_id FROM {keys})",  # noqa: S608
        [operation],
        prefix,
        "is named by no key",
    )
    for (request_id,) in reads.fetch(
        "SELECT request_id FROM kernel_idempotency_key WHERE operation = %s AND NOT success AND object_id IS NOT NULL",
        [operation],
    ):
        yield f"the refusal of request {request_id} has an object"


CHECKS = [
    Check("payments", "Each payment has exactly one transfer and agrees with it.", _payments_match_transfers),
    Check("treasury", "Each treasury move has exactly one transfer.", _treasury_matches_transfers, whole=True),
    Check(
        "keys",
        "Each payment has exactly one key, each stored success its payment, each refusal none.",
        partial(_keys_match_objects, "payments_payment", SendPayment.name, SendPayment.prefix),
        whole=True,
    ),
    Check(
        "keys.trs",
        "The same for treasury moves.",
        partial(_keys_match_objects, "payments_treasury_move", MoveTreasury.name, MoveTreasury.prefix),
        whole=True,
    ),
]
