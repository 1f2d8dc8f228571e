"""Memberships get a role; those that are there are each of a person in the party that the person is: its owner."""

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
    ]
