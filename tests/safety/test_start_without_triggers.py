"""No money moves without the triggers that keep insert-only tables."""

from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from paysettle.kernel import insert_only

pytestmark = [pytest.mark.money, pytest.mark.usefixtures("spoilt_database")]


@pytest.fixture
def without_a_trigger(spoilt_database: None) -> Iterator[str]:  # noqa: ARG001 - it comes first
    """Take one trigger away, in a database of its own."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER event_never_deleted")
    yield "event_never_deleted"
    insert_only.install()


@pytest.mark.usefixtures("without_a_trigger")
@pytest.mark.parametrize("command", ["serve", "worker"])
def test_nothing_starts_without_them(command: str) -> None:
    with pytest.raises(CommandError, match="lacks 1 triggers"):
        call_command(command)


def test_an_account_that_may_make_none_is_told_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OperationalError(1419, "You do not have the SUPER privilege and binary logging is enabled")

    monkeypatch.setattr(insert_only, "install", refuse)
    with pytest.raises(CommandError, match="log_bin_trust_function_creators"):
        call_command("migrate", verbosity=0)
