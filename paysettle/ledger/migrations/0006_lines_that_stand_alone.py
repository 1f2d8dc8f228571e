"""Entries that are there get what the columns before this say of new ones, piece by piece; again if interrupted."""

from django.db import migrations

from paysettle.kernel import insert_only

NOBODY = bytes(16)
PIECE = 10_000
TRIGGER = "DROP TRIGGER IF EXISTS ledger_entry_never_updated"
ACCOUNTS = "SELECT account_id, MAX(sequence) FROM ledger_entry WHERE other_owner_id = %s GROUP BY account_id"
# What lacks its transfer, or the account on the other side, the verifier finds.
REPEAT = """
UPDATE ledger_entry SET
  subject_kind = (SELECT t.subject_kind FROM ledger_transfer t WHERE t.id = ledger_entry.transfer_id),
  subject_id = (SELECT t.subject_id FROM ledger_transfer t WHERE t.id = ledger_entry.transfer_id),
  other_owner_id = COALESCE((
    SELECT o.owner_id FROM ledger_transfer t JOIN ledger_account o ON o.id =
      CASE WHEN ledger_entry.account_id = t.debit_account_id THEN t.credit_account_id ELSE t.debit_account_id END
    WHERE t.id = ledger_entry.transfer_id
  ), other_owner_id)
WHERE account_id = %s AND sequence > %s AND sequence <= %s AND other_owner_id = %s
  AND transfer_id IN (SELECT id FROM ledger_transfer)
"""


def repeat(_apps, schema_editor):
    """Fill them in. What forbids it is away meanwhile; were the connection lost, the next `migrate` puts it back."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(ACCOUNTS, [NOBODY])
        accounts = cursor.fetchall()
        if not accounts:
            return
        cursor.execute(TRIGGER)
        try:
            for account_id, last in accounts:
                for after in range(0, last, PIECE):
                    cursor.execute(REPEAT, [account_id, after, after + PIECE, NOBODY])
        finally:
            insert_only.install()


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ledger", "0005_entry_other_owner")]

    operations = [migrations.RunPython(repeat, migrations.RunPython.noop)]
