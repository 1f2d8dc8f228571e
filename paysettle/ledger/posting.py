"""The one door to the money: every movement is a group of transfers given to a `Posting`.

A Posting belongs to one open transaction and serves a whole batch:

    posting = Posting(tx, account_ids)      # locks the accounts, in id order, with one statement
    posting.post(group, at=now)             # for each group: refuse it, or book it in memory
    posting.write()                         # transfers, entries, balances: one statement a table

Groups are judged one after the other, in arrival order; each is applied whole or not at all (rule MR5). Funds are
judged on a group's net per account. Within a group an account's credits get lower sequences than its debits, so that
no replay ever shows a limited account below its floor.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from paysettle.kernel import identifiers
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Transaction, parse_time
from paysettle.ledger.rules import AccountView, Transfer

_TRANSFER_COLUMNS = (
    "id",
    "group_id",
    "debit_account_id",
    "credit_account_id",
    "amount_minor",
    "currency",
    "subject_kind",
    "subject_id",
    "event_id",
    "booked_at",
    "effective_at",
)
_ENTRY_COLUMNS = ("account_id", "sequence", "transfer_id", "amount_minor", "balance_after_minor", "booked_at")

_ACCOUNTS = (
    "SELECT id, currency, balance_minor, held_minor, sequence, floor_minor, state, last_booked_at"
    " FROM ledger_account WHERE id IN ({values}) ORDER BY id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Transfers that succeed or fail together, what they are for, and the event that tells of them."""

    transfers: Sequence[Transfer]
    subject_kind: str
    subject_id: UUID
    event_id: UUID


class Posting:
    """The locked accounts of a batch, and what the batch books on them."""

    def __init__(self, tx: Transaction, account_ids: Iterable[UUID]) -> None:
        """Lock the accounts in id order. Raises KeyError later, in `post`, for one that does not exist."""
        self._tx = tx
        self._accounts: dict[UUID, AccountView] = {}
        self._last_booked_at: dict[UUID, datetime] = {}
        self._sequence_before: dict[UUID, int] = {}
        self._transfers: list[tuple[Any, ...]] = []
        self._entries: list[tuple[Any, ...]] = []
        rows = tx.fetch_in(_ACCOUNTS + tx.for_update, {account_id.bytes for account_id in account_ids})
        for id_, currency, balance_minor, held_minor, sequence, floor_minor, state, booked_at in rows:
            account_id = UUID(bytes=bytes(id_))
            self._accounts[account_id] = AccountView(
                account_id, currency, balance_minor, held_minor, sequence, floor_minor, state
            )
            self._sequence_before[account_id] = sequence
            self._last_booked_at[account_id] = parse_time(booked_at)

    def post(self, group: Group, *, at: datetime) -> list[dict[str, Any]]:
        """Book a group in memory and return its transfers as the event tells them.

        `at` is the database's time under the locks. Raises the first of `ledger/rules.py` that refuses the group;
        then nothing of it is booked.
        """
        currency = self._currency(group.transfers)
        net_minor: dict[UUID, int] = defaultdict(int)
        for transfer in group.transfers:
            net_minor[transfer.debit_id] -= transfer.amount_minor
            net_minor[transfer.credit_id] += transfer.amount_minor
        for account_id in sorted(net_minor):
            self._accounts[account_id].check(net_minor[account_id])

        # An account's lines are in order of time too, even when the clock steps back.
        booked_at = max(at, *(self._last_booked_at[account_id] for account_id in net_minor))
        group_id = identifiers.new()
        ids = [identifiers.new() for _ in group.transfers]
        named = list(zip(ids, group.transfers, strict=True))
        credited = [self._enter(t.credit_id, transfer_id, t.amount_minor, booked_at) for transfer_id, t in named]
        debited = [self._enter(t.debit_id, transfer_id, -t.amount_minor, booked_at) for transfer_id, t in named]
        told = []
        for (transfer_id, transfer), credit_sequence, debit_sequence in zip(named, credited, debited, strict=True):
            self._transfers.append(
                (
                    transfer_id.bytes,
                    group_id.bytes,
                    transfer.debit_id.bytes,
                    transfer.credit_id.bytes,
                    transfer.amount_minor,
                    currency,
                    group.subject_kind,
                    group.subject_id.bytes,
                    group.event_id.bytes,
                    self._tx.time(booked_at),
                    self._tx.time(at),
                )
            )
            told.append(
                {
                    "id": identifiers.show("tra", transfer_id),
                    "debit_account": identifiers.show("acc", transfer.debit_id),
                    "debit_sequence": debit_sequence,
                    "credit_account": identifiers.show("acc", transfer.credit_id),
                    "credit_sequence": credit_sequence,
                    "amount": Money(transfer.amount_minor, currency).document(),
                }
            )
        return told

    def write(self) -> None:
        """Write transfers, entries and balances of all booked groups."""
        self._tx.insert("ledger_transfer", _TRANSFER_COLUMNS, self._transfers)
        self._tx.insert("ledger_entry", _ENTRY_COLUMNS, self._entries)
        changed = [a for a in self._accounts.values() if a.sequence != self._sequence_before[a.id]]
        self._tx.update(
            "ledger_account",
            ("balance_minor", "sequence", "last_booked_at"),
            [
                (
                    a.id.bytes,
                    a.balance_minor,
                    a.sequence,
                    self._tx.time(self._last_booked_at[a.id]),
                    self._sequence_before[a.id],
                )
                for a in changed
            ],
            guard="sequence",
        )

    def _currency(self, transfers: Sequence[Transfer]) -> str:
        """Return the one currency of the group; another one is a programming error."""
        currencies = {self._accounts[i].currency for t in transfers for i in (t.debit_id, t.credit_id)}
        if len(currencies) != 1:
            raise ValueError(f"A group moves one currency, not {sorted(currencies)}.")
        return currencies.pop()

    def _enter(self, account_id: UUID, transfer_id: UUID, amount_minor: int, booked_at: datetime) -> int:
        """Give an account its next line and return the line's sequence. Rule MR7."""
        account = self._accounts[account_id]
        account.balance_minor += amount_minor
        account.sequence += 1
        self._last_booked_at[account_id] = booked_at
        self._entries.append(
            (
                account_id.bytes,
                account.sequence,
                transfer_id.bytes,
                amount_minor,
                account.balance_minor,
                self._tx.time(booked_at),
            )
        )
        return account.sequence
