"""Members of staff have a role each; Django's two flags go.

Who was a superuser is administrator. Who was staff and no superuser could not be made by this program; they may read.
"""

from django.db import migrations, models


def give_roles(apps, _editor):
    staff = apps.get_model("identity", "User").objects.filter(is_staff=True)
    staff.filter(is_superuser=True).update(staff_role="administrator")
    staff.filter(is_superuser=False).update(staff_role="auditor")


def give_flags(apps, _editor):
    people = apps.get_model("identity", "User").objects
    people.exclude(staff_role="").update(is_staff=True)
    people.filter(staff_role="administrator").update(is_superuser=True)


class Migration(migrations.Migration):
    dependencies = [("identity", "0006_payees")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="staff_role",
            field=models.CharField(
                blank=True,
                choices=[
                    ("support", "support"),
                    ("risk_reviewer", "risk reviewer"),
                    ("finance_operator", "finance operator"),
                    ("administrator", "administrator"),
                    ("auditor", "auditor"),
                ],
                default="",
                max_length=20,
            ),
        ),
        migrations.RunPython(give_roles, give_flags, elidable=True),
        migrations.RemoveField(model_name="user", name="is_staff"),
        migrations.RemoveField(model_name="user", name="is_superuser"),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(fields=["staff_role"], name="identity_user_by_staff_role"),
        ),
        migrations.AlterField(
            model_name="adminaction",
            name="verb",
            field=models.CharField(
                choices=[
                    ("disabled", "Disabled"),
                    ("enabled", "Enabled"),
                    ("frozen", "Frozen"),
                    ("reopened", "Reopened"),
                    ("closed", "Closed"),
                    ("appointed", "Appointed"),
                    ("dismissed", "Dismissed"),
                ],
                max_length=10,
            ),
        ),
    ]
