"""Books of before are the same books after a migration, also after one that was interrupted."""

from importlib import import_module
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection

from paysettle.kernel import batch, insert_only
from paysettle.ledger import accounts, queries
from paysettle.payments.operations.send import send_payment
from tests import spoilt
from tests.people import Person, payment_order, person

pytestmark = [pytest.mark.money, pytest.mark.usefixtures("spoilt_database")]

fill = import_module("paysettle.ledger.migrations.0006_lines_that_stand_alone")


def test_lines_get_what_they_repeat_from_their_transfers(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, ben = person("ana"), person("ben")
    spoilt.deposit(ana, 100)
    batch.run(send_payment, [payment_order(ana, ben, 60), payment_order(ana, ben, 1)])
    before = [_lines(who) for who in (ana, ben)]
    assert [line.other_owner_id for line in before[1]] == [ana.party_id, ana.party_id]
    call_command("migrate", "ledger", "0002", verbosity=0)
    assert not {"subject_kind", "subject_id", "other_owner_id"} & _columns()
    with monkeypatch.context() as interrupted:
        interrupted.setattr(fill, "REPEAT", f"{fill.REPEAT} AND no_such_column = 1")
        with pytest.raises(DatabaseError):
            call_command("migrate", verbosity=0)
        assert insert_only.missing_triggers() == []
    call_command("migrate", verbosity=0)
    assert [_lines(who) for who in (ana, ben)] == before
    assert insert_only.missing_triggers() == []


def _lines(who: Person) -> list[Any]:
    return queries.statement(accounts.wallet(who.party_id, "EUR"), "EUR", above=0, upto=10, limit=10)


def _columns() -> set[str]:
    with connection.cursor() as cursor:
        return {column.name for column in connection.introspection.get_table_description(cursor, "ledger_entry")}
