"""Insert-only tables: rows of a model with `insert_only = True` are never changed or removed. Rule MR3.

Triggers refuse UPDATE and DELETE on every database; in production missing grants do so too. They are put back after
every migrate, and their presence is part of `ledger verify` and of `/readyz`.
"""

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection, models

WAYS_AROUND = {"ALL PRIVILEGES", "ALTER", "DROP", "SUPER", "TRIGGER"}
"""Grants that make triggers worthless: to drop them, to empty or exchange a table beneath them, to act as anybody."""

_SEE_TRIGGERS = {"ALL PRIVILEGES", "TRIGGER"}
_NAME = r"(\*|`(?:[^`]|``)+`)"
_GRANT = re.compile(rf"GRANT (?P<privileges>.+) ON {_NAME}\.{_NAME} TO ")


def tables() -> list[str]:
    """Return the names of all insert-only tables, sorted."""
    return sorted(model._meta.db_table for model in apps.get_models() if getattr(model, "insert_only", False))


def missing_triggers() -> list[str]:
    """Return the names of triggers that should be there and are not; none where they are hidden."""
    present = _present()
    missing = [name for table in tables() for name, _ in _wanted(table) if name not in present]
    return [] if missing and hidden() else missing


def hidden() -> bool:
    """Tell whether the user of our connection may not see triggers: MySQL shows them only to who could drop them."""
    is_mysql = connection.vendor == "mysql" and not getattr(connection, "mysql_is_mariadb", False)
    return is_mysql and not _granted() & _SEE_TRIGGERS


def install() -> None:
    """Create the triggers that are missing; tables that do not exist yet are passed over."""
    existing = set(connection.introspection.table_names())
    present = _present()
    with connection.cursor() as cursor:
        for table in tables():
            for name, verb in _wanted(table):
                if table in existing and name not in present:
                    cursor.execute(_statement(table, name, verb))


def install_after_migrate(*, app_config: Any, **_: Any) -> None:
    """Run `install` once the last application has migrated."""
    with_models = [config for config in apps.get_app_configs() if config.models_module]
    if app_config is with_models[-1]:
        install()


def ways_around() -> tuple[str, list[str]]:
    """Return the user of our connection, and which of WAYS_AROUND it has on insert-only tables; roles count.

    None on SQLite, which has no grants.
    """
    if connection.vendor == "sqlite":
        return "", []
    with connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_USER()")
        user = cursor.fetchone()[0]
    return user, sorted(_granted() & WAYS_AROUND)


def _granted() -> set[str]:
    """Return what the user of our connection may do with insert-only tables, by roles too."""
    with connection.cursor() as cursor:
        # Not from information_schema, where a user does not see what comes by a role.
        cursor.execute("SHOW GRANTS")
        return {privilege for line in cursor.fetchall() for privilege in _privileges(cursor, line[0])}


def _privileges(cursor: Any, line: str) -> Iterator[str]:
    """Yield what a line of SHOW GRANTS grants on insert-only tables of this database, whose name may be a pattern."""
    grant = _GRANT.match(line)
    if grant is None:
        return
    schema, table = (name.strip("`").replace("``", "`") for name in grant.group(2, 3))
    cursor.execute("SELECT DATABASE() LIKE %s", [schema.replace("*", "%")])
    if cursor.fetchone()[0] and table in {"*", *tables()}:
        yield from grant["privileges"].split(", ")


def _wanted(table: str) -> list[tuple[str, str]]:
    return [(f"{table}_never_updated", "UPDATE"), (f"{table}_never_deleted", "DELETE")]


def _statement(table: str, name: str, verb: str) -> str:
    message = f"{table} is insert-only"
    if connection.vendor == "sqlite":
        return f"CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END"
    return (
        f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW "
        f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{message}'"
    )


def _present() -> set[str]:
    sql = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.vendor == "sqlite"
        else "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return {row[0] for row in cursor.fetchall()}


class InsertOnlyModel(models.Model):
    """A base for models whose rows are never changed or removed."""

    insert_only = True

    class Meta:
        abstract = True
