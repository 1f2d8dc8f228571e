from uuid import UUID

from django.db import migrations

from paysettle.kernel.fields import IdField

NOBODY = UUID(int=0)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_entry_subject_id")]

    operations = [
        migrations.AddField("entry", "other_owner_id", IdField(default=NOBODY), preserve_default=False),
    ]
