from uuid import UUID

from django.db import migrations

from paysettle.kernel.fields import IdField

NOBODY = UUID(int=0)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_entry_subject_kind")]

    operations = [
        migrations.AddField("entry", "subject_id", IdField(default=NOBODY), preserve_default=False),
    ]
