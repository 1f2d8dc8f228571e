"""Sessions with a device, the times they were seen and showed who is there; changes of address that wait for two codes.

Sessions that are there count as seen now, and as not having shown recently who is there.
"""

from datetime import UTC, datetime

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import paysettle.kernel.fields


class Migration(migrations.Migration):
    dependencies = [("identity", "0003_limits_and_approval_policy")]

    operations = [
        migrations.AddField(
            model_name="loginsession",
            name="authenticated_at",
            field=models.DateTimeField(default=datetime(2000, 1, 1, tzinfo=UTC)),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="loginsession",
            name="device",
            field=models.CharField(default="Unknown device", max_length=40),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="loginsession",
            name="last_seen_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="loginsession",
            name="name",
            field=models.CharField(blank=True, default="", max_length=40),
        ),
        migrations.AddField(
            model_name="loginsession",
            name="second_factor_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="AddressChange",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("address_digest", paysettle.kernel.fields.DigestField()),
                ("old_code_digest", paysettle.kernel.fields.DigestField()),
                ("new_code_digest", paysettle.kernel.fields.DigestField()),
                ("attempts_left", models.PositiveSmallIntegerField()),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={"db_table": "identity_address_change"},
        ),
    ]
