"""What rows tell of somebody, table by table: a refusal must leave their numbers, and what they say, as they were."""

from typing import Any

from django.db import connection

from tests.people import Person

_QUERIES = {
    "payments": "SELECT COUNT(*) FROM payments_payment WHERE payer_id = %s OR payee_id = %s",
    "refunds": "SELECT COUNT(*) FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id"
    " WHERE p.payer_id = %s OR p.payee_id = %s",
    "batches": "SELECT COUNT(*) FROM payments_batch WHERE party_id IN (%s, %s)",
    "batch parts": "SELECT COUNT(*) FROM payments_batch_part i JOIN payments_batch b ON b.id = i.batch_id"
    " WHERE b.party_id IN (%s, %s)",
    "holds": "SELECT COUNT(*) FROM ledger_hold h JOIN ledger_account a ON a.id = h.account_id"
    " WHERE a.owner_id IN (%s, %s)",
    "steps": "SELECT COUNT(*) FROM ledger_hold_move m JOIN ledger_hold h ON h.id = m.hold_id"
    " JOIN ledger_account a ON a.id = h.account_id WHERE a.owner_id IN (%s, %s)",
    "settlements": "SELECT COUNT(*) FROM settlements_leg WHERE debtor_id = %s OR creditor_id = %s",
    "moves": "SELECT COUNT(*) FROM settlements_move m JOIN settlements_leg l ON l.settlement_id = m.settlement_id"
    " WHERE l.debtor_id = %s OR l.creditor_id = %s",
    "transfers": "SELECT COUNT(*) FROM ledger_transfer t JOIN ledger_account a"
    " ON a.id = t.debit_account_id OR a.id = t.credit_account_id WHERE a.owner_id IN (%s, %s)",
    "entries": "SELECT COUNT(*) FROM ledger_entry e JOIN ledger_account a ON a.id = e.account_id"
    " WHERE a.owner_id IN (%s, %s)",
    "keys": "SELECT COUNT(*) FROM kernel_idempotency_key WHERE party_id IN (%s, %s)",
    "events": "SELECT COUNT(*) FROM event WHERE party IN (%s, %s)",
}

_CONTENTS = {
    "wallets": "SELECT * FROM ledger_account WHERE owner_id = %s ORDER BY id",
    "payments made": "SELECT * FROM payments_payment WHERE payer_id = %s ORDER BY id",
    "payments received": "SELECT * FROM payments_payment WHERE payee_id = %s ORDER BY id",
    "holds": "SELECT h.* FROM ledger_hold h JOIN ledger_account a ON a.id = h.account_id WHERE a.owner_id = %s"
    " ORDER BY h.id",
}

Rows = dict[str, int]


def rows_of(who: Person) -> Rows:
    """Return the number of rows by table."""
    found = {}
    with connection.cursor() as cursor:
        for table, sql in _QUERIES.items():
            cursor.execute(sql, [who.party if table == "events" else who.party_id.bytes] * 2)
            found[table] = int(cursor.fetchone()[0])
    return found


def grown(before: Rows, after: Rows) -> Rows:
    """Return by how much which tables have grown."""
    return {table: after[table] - before[table] for table in before if after[table] != before[table]}


def contents_of(who: Person) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows about somebody that may change in their lives, whole."""
    found = {}
    with connection.cursor() as cursor:
        for table, sql in _CONTENTS.items():
            cursor.execute(sql, [who.party_id.bytes])
            found[table] = list(cursor.fetchall())
    return found
