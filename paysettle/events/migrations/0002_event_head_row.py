"""The one row that gives out positions."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def make_head(apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("events", "EventHead").objects.get_or_create(id=1, defaults={"position": 0})


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]
    operations = [migrations.RunPython(make_head, migrations.RunPython.noop, elidable=False)]
