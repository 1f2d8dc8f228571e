"""Skeletons of handles, profiles, contacts and the record of look-ups; parties that are closed.

Handles that looked alike before keep their places: the oldest has the skeleton, the others one that no handle can have.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import paysettle.kernel.fields
from paysettle.identity.handles import skeleton


def fill_skeletons(apps, _schema_editor):
    Party = apps.get_model("identity", "Party")
    taken = set()
    for party_id, handle in list(Party.objects.order_by("created_at", "id").values_list("id", "handle")):
        wanted = skeleton(handle)
        Party.objects.filter(id=party_id).update(handle_skeleton=f"={handle}" if wanted in taken else wanted)
        taken.add(wanted)


def link(to, **options):
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=to, **options)


class Migration(migrations.Migration):
    dependencies = [("identity", "0005_api_keys")]

    operations = [
        migrations.AddField(
            model_name="party",
            name="handle_skeleton",
            field=models.CharField(default="", max_length=60),
            preserve_default=False,
        ),
        migrations.RunPython(fill_skeletons, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="party",
            constraint=models.UniqueConstraint(fields=("handle_skeleton",), name="identity_party_no_look_alikes"),
        ),
        migrations.AlterField(
            model_name="party",
            name="state",
            field=models.CharField(
                choices=[("active", "Active"), ("disabled", "Disabled"), ("closed", "Closed")],
                default="active",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="loginsession",
            name="end_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("signed_out", "Signed Out"),
                    ("password_changed", "Password Changed"),
                    ("person_disabled", "Person Disabled"),
                    ("refresh_token_replayed", "Refresh Token Replayed"),
                    ("revoked", "Revoked"),
                    ("account_closed", "Account Closed"),
                ],
                default="",
                max_length=24,
            ),
        ),
        migrations.CreateModel(
            name="Profile",
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
                ("full_name", models.CharField(blank=True, max_length=200)),
                ("findable_by_email", models.BooleanField(default=False)),
            ],
            options={"db_table": "identity_profile"},
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                ("id", paysettle.kernel.fields.PrimaryIdField(serialize=False)),
                ("owner", link("identity.party", db_index=False)),
                ("party", link("identity.party")),
                ("private_name", models.CharField(blank=True, max_length=100)),
                ("is_blocked", models.BooleanField(default=False)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "identity_contact",
                "indexes": [models.Index(fields=["owner", "created_at", "id"], name="identity_contact_by_time")],
                "constraints": [models.UniqueConstraint(fields=("owner", "party"), name="identity_contact_once")],
            },
        ),
        migrations.CreateModel(
            name="LookUp",
            fields=[
                ("id", paysettle.kernel.fields.PrimaryIdField(serialize=False)),
                ("user", link(settings.AUTH_USER_MODEL, db_index=False)),
                ("party", link("identity.party", db_index=False, db_constraint=False)),
                (
                    "kind",
                    models.CharField(choices=[("find", "Find"), ("verify", "Verify"), ("keep", "Keep")], max_length=10),
                ),
                ("asked", paysettle.kernel.fields.DigestField()),
                ("found", models.BooleanField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "identity_look_up",
                "indexes": [
                    models.Index(fields=["user", "created_at"], name="identity_look_up_by_person"),
                    models.Index(fields=["created_at"], name="identity_look_up_by_time"),
                ],
            },
        ),
    ]
