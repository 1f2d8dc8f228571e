"""The bugs that the safety tests exist to catch, planted for their controls: each takes the place of a named seam."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from paysettle.kernel import transactions
from paysettle.kernel.idempotency import Answer, Item, Keys
from paysettle.kernel.literals import Statement
from paysettle.kernel.transactions import Reply, Row, Transaction


class Naive(Transaction):
    """Reads, changes in Python and saves: no lock on what it read, no look whether that has changed since.

    Four more nets would each catch it: the primary keys of an account's lines, of a hold's steps and of a settlement's
    moves, and the streams of events. They are out of the way too.
    """

    meet: threading.Barrier | None = None
    reads_accounts = False
    out_of_the_way = frozenset({"ledger_entry", "ledger_hold_move", "settlements_move"})

    def fetch_in(self, sql: str, values: Iterable[Any], parameters: Sequence[Any] = ()) -> list[Row]:
        return super().fetch_in(sql.removesuffix(" FOR UPDATE"), values, parameters)

    def ask(self, sql: str, values: Iterable[Any], parameters: Sequence[Any] = ()) -> Reply:
        self.reads_accounts = self.reads_accounts or "FROM ledger_account" in sql
        return super().ask(sql.removesuffix(" FOR UPDATE"), values, parameters)

    def fetch_asked(self) -> None:
        something_was_asked = bool(self._asked)
        super().fetch_asked()
        if something_was_asked and self.meet is not None and self.reads_accounts:
            self.reads_accounts = False
            self.meet.wait(timeout=10)  # so that all have read before one writes

    def inserts(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Statement]:
        return [] if table in self.out_of_the_way else super().inserts(table, columns, rows)

    def update(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, guard: Sequence[str]
    ) -> None:
        super().update(table, columns, [[*row[: -len(guard)], row[0]] for row in rows], guard=["id"])


@contextmanager
def naive_transactions(*, meet: int = 0) -> Iterator[None]:
    """Let every transaction be Naive; `meet` of them read their accounts before one of these writes."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(transactions, "Transaction", Naive))
        stack.enter_context(patch.object(transactions, "_last_step", None))
        stack.enter_context(patch.object(Naive, "meet", threading.Barrier(meet) if meet else None))
        yield


@contextmanager
def no_keys() -> Iterator[None]:
    """Let idempotency keys be neither found nor kept."""

    def nothing(_keys: Keys, _item: Item | None = None) -> None:
        return None

    with patch.object(Keys, "find", nothing), patch.object(Keys, "write", nothing):
        yield


@contextmanager
def keys_without_a_primary_key(*, meet: int) -> Iterator[None]:
    """Let keys be looked up and not kept unique; `meet` transactions look before one of them writes."""
    barrier = threading.Barrier(meet)
    looked_up = Keys.find

    def find(keys: Keys, item: Item) -> Answer | None:
        barrier.wait(timeout=10)
        return looked_up(keys, item)

    with patch.object(Keys, "find", find), patch.object(Keys, "write", lambda _keys: None):
        yield
