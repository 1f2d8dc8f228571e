from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("kernel", "0003_throttles")]

    operations = [
        migrations.AddField("scheduledjob", "reached_at", models.DateTimeField(null=True)),
    ]
