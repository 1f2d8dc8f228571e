"""A party has one wallet in a currency, however many lanes open it at the same moment.

With two, money paid to one would not be seen in the other. The database decides it, so what a model declares must be
there on each of them: a unique constraint given as expressions is silently left out on MariaDB.
"""

from functools import partial
from unittest.mock import patch

import pytest
from django.apps import apps
from django.db import connection, models

from paysettle.ledger import accounts
from paysettle.ledger import queries as ledger
from tests import spoilt
from tests.people import person

pytestmark = pytest.mark.money

LANES = 8


def test_lanes_that_open_a_wallet_at_once_open_one() -> None:
    for _ in range(5):
        ana = person("ana")
        spoilt.at_once([partial(accounts.open_missing, [(ana.party_id, "wallet", "EUR")]) for _ in range(LANES)])
        assert len(ledger.wallets(ana.party_id)) == 1


def test_every_constraint_and_index_of_a_model_is_in_the_database() -> None:
    assert _missing() == []


def test_control_a_constraint_of_expressions_is_missed_where_it_is_left_out() -> None:
    """A constraint that no database has is found missing: the list above can fail."""
    account = apps.get_model("ledger", "Account")
    planted = models.UniqueConstraint("owner_id", "state", name="never_made")
    with patch.object(account._meta, "constraints", [planted]):
        assert "never_made" in _missing()


def _missing() -> list[str]:
    """Return the names of constraints and indexes that our models declare and the database does not have."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models():
            if not model.__module__.startswith("paysettle."):
                continue
            present = connection.introspection.get_constraints(cursor, model._meta.db_table)
            wanted = [c.name for c in [*model._meta.constraints, *model._meta.indexes]]
            found += [name for name in wanted if name not in present]
    return found
