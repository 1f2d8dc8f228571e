"""Organisations, the roles of their members, and invitations.

The memberships that are there are each of a person in the party that the person is: its owner.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import paysettle.kernel.fields


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
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", paysettle.kernel.fields.PrimaryIdField(serialize=False)),
                ("token_digest", paysettle.kernel.fields.DigestField(unique=True)),
                ("address_digest", paysettle.kernel.fields.DigestField()),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "owner"),
                            ("admin", "admin"),
                            ("approver", "approver"),
                            ("payer", "payer"),
                            ("viewer", "viewer"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "Open"), ("accepted", "Accepted"), ("revoked", "Revoked")],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                (
                    "made_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="identity.party"
                    ),
                ),
            ],
            options={
                "db_table": "identity_invitation",
                "indexes": [
                    models.Index(fields=["organisation", "created_at", "id"], name="identity_invitation_by_time")
                ],
            },
        ),
    ]
