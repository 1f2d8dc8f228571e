"""People are told that an account they acted for was closed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="inboxentry",
            name="kind",
            field=models.CharField(
                choices=[
                    ("payment_received", "payment_received"),
                    ("payment_authorised", "payment_authorised"),
                    ("payment_captured", "payment_captured"),
                    ("payment_released", "payment_released"),
                    ("payment_expired", "payment_expired"),
                    ("payment_refunded", "payment_refunded"),
                    ("settlement_requested", "settlement_requested"),
                    ("settlement_approved", "settlement_approved"),
                    ("settlement_rejected", "settlement_rejected"),
                    ("settlement_withdrawn", "settlement_withdrawn"),
                    ("account_closed", "account_closed"),
                ],
                max_length=30,
            ),
        ),
    ]
