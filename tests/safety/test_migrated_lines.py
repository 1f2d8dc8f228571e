"""Books of before are the same books after a migration."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from paysettle.kernel import batch, insert_only
from paysettle.ledger import accounts, queries
from paysettle.payments.operations.send import send_payment
from tests import spoilt
from tests.people import Person, payment_order, person

pytestmark = [pytest.mark.money, pytest.mark.usefixtures("spoilt_database")]


def test_lines_get_what_they_repeat_from_their_transfers() -> None:
    ana, ben = person("ana"), person("ben")
    spoilt.deposit(ana, 100)
    batch.run(send_payment, [payment_order(ana, ben, 60), payment_order(ana, ben, 1)])
    before = [_lines(who) for who in (ana, ben)]
    assert [line.other_owner_id for line in before[1]] == [ana.party_id, ana.party_id]
    call_command("migrate", "ledger", "0002", verbosity=0)
    assert "other_owner_id" not in _columns()
    call_command("migrate", verbosity=0)
    assert [_lines(who) for who in (ana, ben)] == before
    assert insert_only.missing_triggers() == []


def _lines(who: Person) -> list[Any]:
    return queries.statement(accounts.wallet(who.party_id, "EUR"), above=0, upto=10, limit=10)


def _columns() -> set[str]:
    with connection.cursor() as cursor:
        return {column.name for column in connection.introspection.get_table_description(cursor, "ledger_entry")}
