"""What the verifier says of faults that are taken back at once."""

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from paysettle.kernel.snapshot import Snapshot
from paysettle.ledger import verify
from paysettle.ledger.verify import Scope


class _RollBack(Exception):
    """Ends the transaction with the planted fault."""


def findings_after(plant: Callable[[Any], object]) -> list[str]:
    """Return what the verifier finds once a fault is planted."""
    found: list[str] = []
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            plant(cursor)
            found = verify.examine(Snapshot(cursor), Scope(None)).findings
            raise _RollBack  # noqa: TRY301 - it ends the transaction
    except _RollBack:
        return found
