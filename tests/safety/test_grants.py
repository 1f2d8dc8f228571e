"""I12: a database user who could drop the triggers of insert-only tables, or get round them, is named by the verifier.

In production the server and the worker have the four grants of their work. Each further one that makes the triggers
worthless is planted, directly and through a role.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import Client

from paysettle.kernel import batch, insert_only
from paysettle.ledger.verify import verify
from paysettle.payments.operations.send import send_payment
from tests import plugin, spoilt
from tests.money import balance
from tests.people import deposit, payment_order, person
from tests.plugin import KIND

pytestmark = pytest.mark.money

with_grants = pytest.mark.skipif(KIND == "sqlite", reason="SQLite has no grants")

NEEDED = "SELECT, INSERT, UPDATE, DELETE ON {database}.*"
FAULTS = {
    "to drop triggers": ([NEEDED, "TRIGGER ON {database}.*"], "TRIGGER"),
    "to empty one table": ([NEEDED, "DROP ON {database}.ledger_entry"], "DROP"),
    "to alter what a pattern names": ([r"SELECT, INSERT, ALTER ON `paysettle\_test\_%`.*"], "ALTER"),
    "to act as anybody": ([NEEDED, "SUPER ON *.*"], "SUPER"),
    "to do anything here": (["ALL PRIVILEGES ON {database}.*"], "ALL PRIVILEGES"),
}
HARMLESS = ["DROP ON {database}.payments_payment", "DROP, TRIGGER ON paysettle_other.*", "CREATE ON {database}.*"]


@contextmanager
def user_with(*grants: str, through_a_role: bool = False) -> Iterator[None]:
    """Let this process be a database user with these grants for the length of a block."""
    name = f"app_{secrets.token_hex(4)}"
    holder = f"{name}_role" if through_a_role else f"{name}@'%'"
    plugin.on_server(f"CREATE USER {name}@'%'")
    try:
        if through_a_role:
            plugin.on_server(f"CREATE ROLE {holder}")
            plugin.on_server(f"GRANT {holder} TO {name}@'%'")
            plugin.on_server(f"SET DEFAULT ROLE {holder} {'FOR' if KIND == 'mariadb' else 'TO'} {name}@'%'")
        for grant in grants:
            plugin.on_server(f"GRANT {grant.format(database=plugin.DATABASE)} TO {holder}")
        with spoilt.used(USER=name):
            yield
    finally:
        plugin.on_server(f"DROP USER {name}@'%'")
        if through_a_role:
            plugin.on_server(f"DROP ROLE {holder}")


@with_grants
@pytest.mark.parametrize("through_a_role", [False, True], ids=["directly", "through a role"])
@pytest.mark.parametrize("fault", FAULTS)
def test_each_way_round_the_triggers_is_named(fault: str, *, through_a_role: bool) -> None:
    grants, named = FAULTS[fault]
    with user_with(*grants, through_a_role=through_a_role):
        report = verify(strict_grants=True)
    [finding] = report.findings
    assert finding.startswith("grants: the database user app_")
    assert finding.endswith(f"could switch the triggers off or get round them ({named})")


@with_grants
def test_control_with_the_grants_of_its_work_nobody_is_named_and_all_works() -> None:
    """The four grants are enough to pay, and too little to drop a trigger; others that do no harm are no finding."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10)
    with user_with(NEEDED, *HARMLESS):
        assert spoilt.code(batch.run(send_payment, [payment_order(ana, ben, 10)])[0]) == "ok"
        with pytest.raises(DatabaseError, match="denied"), connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER ledger_entry_never_updated")
        report = verify(strict_grants=True)
        assert Client().get("/readyz").json()["parts"]["triggers"] == "ok"
    assert report.findings == []
    looked = next(result.seen for result in report.results if result.check.name == "triggers")
    if KIND == "mysql":  # it shows triggers only to who could drop them
        assert looked == 0
        assert report.notes == ["the database user may not see triggers: verify as the user that migrates, too"]
    else:
        assert looked == 2 * len(insert_only.tables())
        assert report.notes == []
    assert balance(ben) == 10
    assert insert_only.missing_triggers() == []


@with_grants
def test_root_is_a_note_and_no_fault_of_the_books(capsys: pytest.CaptureFixture[str]) -> None:
    report = verify()
    assert report.findings == []
    assert report.notes[0].startswith("the database user root@")
    call_command("ledger", "verify")
    said = capsys.readouterr().out
    assert "note: the database user root@" in said
    assert "The books are right." in said
    with pytest.raises(SystemExit):
        call_command("ledger", "verify", "--strict-grants")


@pytest.mark.skipif(KIND != "sqlite", reason="the others have grants")
def test_where_there_are_no_grants_nothing_strict_can_be_said() -> None:
    assert verify().notes == []
    with pytest.raises(CommandError, match="SQLite has no grants"):
        call_command("ledger", "verify", "--strict-grants")
