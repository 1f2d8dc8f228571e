"""What the database itself refuses, whatever the code above it does."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection

from paysettle.kernel import identifiers
from paysettle.ledger import accounts
from tests.people import deposit, person

pytestmark = pytest.mark.money


def _insert_transfer(**changed: Any) -> None:
    ana, ben = person("ana"), person("ben")
    values = {
        "id": identifiers.new().bytes,
        "group_id": identifiers.new().bytes,
        "debit_account_id": accounts.wallet(ana.party_id, "EUR").bytes,
        "credit_account_id": accounts.wallet(ben.party_id, "EUR").bytes,
        "amount_minor": 1,
        "currency": "EUR",
        "subject_kind": "test",
        "subject_id": identifiers.new().bytes,
        "event_id": identifiers.new().bytes,
        "booked_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
        "effective_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
        **changed,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO ledger_transfer ({','.join(values)}) VALUES ({','.join(['%s'] * len(values))})",  # noqa: S608
            list(values.values()),
        )


@pytest.mark.parametrize("amount_minor", [0, -1, 10**15 + 1])
def test_an_amount_out_of_range_is_refused(amount_minor: int) -> None:
    with pytest.raises(DatabaseError, match="ledger_transfer_amount_is_positive"):
        _insert_transfer(amount_minor=amount_minor)


def test_a_transfer_to_the_same_account_is_refused() -> None:
    account = accounts.wallet(person("ana").party_id, "EUR").bytes
    with pytest.raises(DatabaseError, match="ledger_transfer_between_two_accounts"):
        _insert_transfer(debit_account_id=account, credit_account_id=account)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("balance_minor = -1", "ledger_account_stays_above_floor"),
        ("held_minor = 101", "ledger_account_stays_above_floor"),
        ("held_minor = -1", "ledger_account_held_not_negative"),
        ("balance_minor = 9007199254740992", "ledger_account_balance_is_exact"),
    ],
)
def test_an_impossible_balance_is_refused(change: str, constraint: str) -> None:
    ana = person("ana")
    deposit(ana, 100)
    wallet = accounts.wallet(ana.party_id, "EUR")
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match=constraint):
        cursor.execute(f"UPDATE ledger_account SET {change} WHERE id = %s", [wallet.bytes])  # noqa: S608
