"""Insert-only tables refuse UPDATE and DELETE, whoever asks."""

import pytest
from django.db import DatabaseError, connection

from paysettle.kernel import insert_only
from tests.people import deposit, pay, person

pytestmark = pytest.mark.money


@pytest.mark.parametrize("table", insert_only.tables())
@pytest.mark.parametrize("verb", ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}"])
def test_the_database_refuses(table: str, verb: str) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10)
    pay(ana, ben, 10)
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, table)
        cursor.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - our own tables
        rows = cursor.fetchone()[0]
        if rows:  # the triggers are for each row
            with pytest.raises(DatabaseError, match="insert-only"):
                cursor.execute(verb.format(table=table, column=columns[0].name))
        cursor.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608
        assert cursor.fetchone()[0] >= rows


def test_every_trigger_is_there() -> None:
    assert insert_only.missing_triggers() == []
    assert {"ledger_transfer", "ledger_entry", "event", "settlements_move"} <= set(insert_only.tables())
