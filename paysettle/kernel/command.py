"""Commands that need the database say so in one sentence when it is not there, before anything is done."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor


class DatabaseCommand(BaseCommand):
    """A command that begins with a look at the database."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command; raise CommandError unless the database answers and is migrated."""
        require_database()
        return super().execute(*args, **options)


def require_database() -> None:
    """Raise CommandError unless the database answers and is migrated."""
    file = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite" and not Path(file).exists():  # looking would make it
        raise CommandError(f"The database at {file} cannot be used: there is none yet; run `manage.py migrate` first.")
    try:
        connection.ensure_connection()
        pending = MigrationExecutor(connection).migration_plan(MigrationExecutor(connection).loader.graph.leaf_nodes())
    except Error as error:
        place = connection.settings_dict["HOST"] or connection.settings_dict["NAME"]
        raise CommandError(f"The database at {place} cannot be used: {error}.") from None
    if pending:
        raise CommandError(f"The database lacks {len(pending)} migrations: run `manage.py migrate` first.")
    connection.close()
