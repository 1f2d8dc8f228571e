"""An entry repeats from its transfer what a statement shows: what it was for, and whose the other account is."""

from uuid import UUID

from django.db import migrations, models

import paysettle.kernel.fields

NOBODY = UUID(int=0)

# What lacks its transfer the verifier finds.
REPEAT = """
UPDATE ledger_entry SET
  subject_kind = (SELECT t.subject_kind FROM ledger_transfer t WHERE t.id = ledger_entry.transfer_id),
  subject_id = (SELECT t.subject_id FROM ledger_transfer t WHERE t.id = ledger_entry.transfer_id),
  other_owner_id = (
    SELECT o.owner_id FROM ledger_transfer t JOIN ledger_account o ON o.id =
      CASE WHEN ledger_entry.account_id = t.debit_account_id THEN t.credit_account_id ELSE t.debit_account_id END
    WHERE t.id = ledger_entry.transfer_id
  )
WHERE transfer_id IN (SELECT id FROM ledger_transfer)
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_holds_are_extended")]

    operations = [
        migrations.AddField(
            "entry", "subject_kind", models.CharField(max_length=20, default=""), preserve_default=False
        ),
        migrations.AddField(
            "entry", "subject_id", paysettle.kernel.fields.IdField(default=NOBODY), preserve_default=False
        ),
        migrations.AddField(
            "entry", "other_owner_id", paysettle.kernel.fields.IdField(default=NOBODY), preserve_default=False
        ),
        # It would refuse what follows, and comes back at the end of every `migrate`.
        migrations.RunSQL("DROP TRIGGER IF EXISTS ledger_entry_never_updated", migrations.RunSQL.noop),
        migrations.RunSQL(REPEAT, migrations.RunSQL.noop),
    ]
