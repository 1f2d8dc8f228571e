"""Up to which position the dedupe rows of a consumer are forgotten."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0002_event_head_row")]
    operations = [
        migrations.AddField("eventcursor", "forgotten", models.BigIntegerField(default=0, db_default=0)),
    ]
