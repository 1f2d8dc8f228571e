"""What `ledger verify` asks of settlements."""

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
from paysettle.settlements import queries
from paysettle.settlements.lifecycle import STEPS, Verb


def _settlements_match_transfers(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    """A settled settlement has exactly the transfers of its legs, any other has none."""
    tally.seen = count(reads, "SELECT COUNT(*) FROM settlements_settlement")
    transfers = "ledger_transfer t ON t.subject_id = s.id AND t.subject_kind = 'settlement'"
    yield from rows_as_findings(
        reads,
        f"SELECT s.id FROM settlements_settlement s LEFT JOIN {transfers}"  # noqa: S608
        " GROUP BY s.id, s.state HAVING COUNT(t.id) <>"
        " CASE WHEN s.state = 'settled' THEN (SELECT COUNT(*) FROM settlements_leg l WHERE l.settlement_id = s.id)"
        " ELSE 0 END",
        [],
        "set",
        "does not have exactly the transfers of its legs",
    )
    yield from rows_as_findings(
        reads,
        "SELECT t.id FROM ledger_transfer t JOIN ledger_account d ON d.id = t.debit_account_id"
        " JOIN ledger_account c ON c.id = t.credit_account_id"
        " LEFT JOIN settlements_leg l ON l.settlement_id = t.subject_id AND l.debtor_id = d.owner_id"
        " AND l.creditor_id = c.owner_id AND l.amount_minor = t.amount_minor AND l.currency = t.currency"
        " WHERE t.subject_kind = 'settlement' AND l.id IS NULL",
        [],
        "tra",
        "does not agree with a leg of its settlement",
    )
    for table, what in (("settlements_leg", "a leg"), ("settlements_move", "a move")):
        yield from rows_of_nothing(reads, table, "settlement_id", "settlements_settlement", "set", what)


def _histories_are_legal(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    """I10: moves are numbered without gap, follow the table of `lifecycle.py`, and end in the settlement's state.

    Nor did the person who asked approve.
    """
    for id_, state, version, asker in reads.pages(
        "SELECT id, state, version, asker_id FROM settlements_settlement WHERE id > %s ORDER BY id LIMIT %s",
        [],
        start=[b""],
        after=lambda row: [row[0]],
    ):
        tally.seen += 1
        moves = reads.fetch(
            "SELECT version, what, party_id, user_id FROM settlements_move WHERE settlement_id = %s ORDER BY version",
            [id_],
        )
        reached = None
        legal = [move[0] for move in moves] == list(range(1, version + 1))
        asked_by = bytes(moves[0][3]) if moves else b""
        for _, what, party, user in moves:
            step = STEPS[Verb(what)]
            legal = legal and step.before == reached and (step.by.value == "asker") == (bytes(party) == bytes(asker))
            legal = legal and (what != Verb.APPROVE or bytes(user) != asked_by)
            reached = step.after
        if not legal or reached != state:
            yield from rows_as_findings(
                reads,
                "SELECT id FROM settlements_settlement WHERE id = %s",
                [id_],
                "set",
                f"is {state} at version {version}, which its moves do not lead to",
            )


def _keys_match_moves(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    """Every move was made with a key of its own: a settlement has as many successes as versions."""
    tally.seen, successes, wrong_refusals = outcomes_kept(reads, queries.OPERATION)
    keys = "SELECT object_id, COUNT(*) AS number FROM kernel_idempotency_key WHERE operation = %s AND success"
    yield from rows_as_findings(
        reads,
        f"SELECT s.id FROM settlements_settlement s LEFT JOIN ({keys} GROUP BY object_id) k ON k.object_id = s.id"  # noqa: S608
        " WHERE COALESCE(k.number, 0) <> s.version",
        [queries.OPERATION],
        "set",
        "does not have one key for each of its moves",
    )
    if successes:
        yield from keys_of_nothing(reads, "settlements_settlement", queries.OPERATION, "set")
    if wrong_refusals:
        yield from refusals_of_something(reads, queries.OPERATION)


def _limits_have_counted(reads: Snapshot, _scope: Scope, tally: Tally) -> Iterator[Finding]:
    """No counter says less than what its member has approved since it began. Rule MR16."""
    tally.seen = count(reads, "SELECT COUNT(*) FROM identity_member_limit WHERE spent_since IS NOT NULL")
    yield from rows_as_findings(
        reads,
        "SELECT l.id FROM identity_member_limit l WHERE l.spent_since IS NOT NULL AND l.spent_minor <"
        " (SELECT COALESCE(SUM(g.amount_minor), 0) FROM settlements_move m"
        " JOIN settlements_leg g ON g.settlement_id = m.settlement_id WHERE m.party_id = l.party_id"
        " AND m.user_id = l.user_id AND m.what = 'approve' AND m.at >= l.spent_since"
        " AND g.debtor_id = l.party_id AND g.currency = l.currency)",
        [],
        "lim",
        "has counted less than its member has approved",
    )


CHECKS = [
    Check("limits.settlements", "No limit has counted less than was approved.", _limits_have_counted, whole=True),
    Check(
        "settlements",
        "Settled settlements have the transfers of their legs, others none.",
        _settlements_match_transfers,
        whole=True,
    ),
    Check(
        "histories",
        "The moves of each settlement are legal and lead to its state (I10).",
        _histories_are_legal,
        whole=True,
    ),
    Check("keys.set", "Each move of a settlement has a key of its own.", _keys_match_moves, whole=True),
    Check(
        "events.settlements",
        "Each version of a settlement has its event (I8).",
        partial(events_of_versions, "settlements_settlement", "set"),
        whole=True,
    ),
]
