"""Organisations, and the roles of their members.

The memberships that are there are each of a person in the party that the person is: its owner.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("identity", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="role",
            field=models.CharField(
                choices=[
                    ("owner", "owner"),
                    ("admin", "admin"),
                    ("approver", "approver"),
                    ("payer", "payer"),
                    ("viewer", "viewer"),
                ],
                default="owner",
                max_length=10,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="membership",
            name="version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.CreateModel(
            name="Organisation",
            fields=[
                (
                    "party",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="identity.party",
                    ),
                ),
                ("legal_name", models.CharField(max_length=200)),
                ("country", models.CharField(max_length=2)),
                ("registration_number", models.CharField(blank=True, max_length=64)),
            ],
            options={"db_table": "identity_organisation"},
        ),
    ]
