from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_holds_are_extended")]

    operations = [
        migrations.AddField(
            "entry", "subject_kind", models.CharField(max_length=20, default=""), preserve_default=False
        ),
    ]
