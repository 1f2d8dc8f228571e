"""The one door to the money: every movement is a group of transfers given to a `Posting`, every reservation a hold.

A Posting belongs to one open transaction and serves a whole batch:

    posting = Posting(tx, account_ids, hold_ids)    # locks holds, then accounts, each in id order
    posting.post(group, at=now)                     # for each group: refuse it, or book it in memory
    posting.place(hold, at=now)                     # reserve money; `release` gives it back, `extend` prolongs it
    posting.write()                                 # transfers, entries, holds, balances: one statement a table

Groups are judged one after the other, in arrival order; each is applied whole or not at all (rule MR5). Funds are
judged on a group's net per account. Within a group an account's credits get lower sequences than its debits, so that
no replay ever shows a limited account below its floor.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from paysettle.kernel import identifiers
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import RowLocked, Transaction, parse_time
from paysettle.ledger.chart import AccountState
from paysettle.ledger.models import HoldMoveKind
from paysettle.ledger.rules import AccountView, HoldView, Transfer

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
_ENTRY_COLUMNS = (
    "account_id",
    "sequence",
    "transfer_id",
    "amount_minor",
    "balance_after_minor",
    "subject_kind",
    "subject_id",
    "other_owner_id",
    "booked_at",
)
_HOLD_COLUMNS = (
    "id",
    "account_id",
    "amount_minor",
    "captured_minor",
    "released_minor",
    "is_open",
    "moves",
    "subject_kind",
    "subject_id",
    "expires_at",
)
_HOLD_MOVE_COLUMNS = ("hold_id", "n", "kind", "amount_minor", "event_id", "at")

_HOLDS = (
    "SELECT id, account_id, amount_minor, captured_minor, released_minor, moves, expires_at"
    " FROM ledger_hold{by_key} WHERE id IN ({values}) ORDER BY id"
)
_ACCOUNTS = (
    "SELECT id, owner_id, currency, balance_minor, held_minor, sequence, floor_minor, state, last_booked_at"
    " FROM ledger_account{by_key} WHERE id IN ({values}) ORDER BY id"
)


class Group(NamedTuple):
    """Transfers that succeed or fail together, what they are for, and the event that tells of them.

    `captures` names the holds that the money is taken from, with the amount of each in minor units; the rest comes
    from what is available.
    """

    transfers: Sequence[Transfer]
    subject_kind: str
    subject_id: UUID
    event_id: UUID
    captures: Mapping[UUID, int] = MappingProxyType({})


class NewHold(NamedTuple):
    """Money to reserve on an account until a deadline, what it is for, and the event that tells of it.

    `for_account_id` is the account that it is held for.
    """

    id: UUID
    account_id: UUID
    for_account_id: UUID
    amount_minor: int
    expires_at: datetime
    subject_kind: str
    subject_id: UUID
    event_id: UUID


class Posting:
    """The locked holds and accounts of a batch, and what the batch books on them."""

    def __init__(self, tx: Transaction, account_ids: Iterable[UUID], hold_ids: Iterable[UUID] = ()) -> None:
        """Lock the holds, then the accounts, before anything that is asked later is read.

        Whatever does not exist raises KeyError when it is used.
        """
        self._tx = tx
        self._hold_rows = tx.ask(_HOLDS + tx.for_update, {hold_id.bytes for hold_id in hold_ids})
        self._account_rows = tx.ask(_ACCOUNTS + tx.for_update, {account_id.bytes for account_id in account_ids})
        self._holds_before: dict[UUID, int] = {}
        self._transfers: list[tuple[Any, ...]] = []
        self._entries: list[tuple[Any, ...]] = []
        self._placed: list[NewHold] = []
        self._hold_moves: list[tuple[Any, ...]] = []

    @cached_property
    def _accounts(self) -> dict[UUID, AccountView]:
        found = {}
        for (
            id_,
            owner,
            currency,
            balance_minor,
            held_minor,
            sequence,
            floor_minor,
            state,
            at,
        ) in self._account_rows.rows:
            account_id = identifiers.from_bytes(id_)
            found[account_id] = AccountView(
                account_id, owner, currency, balance_minor, held_minor, sequence, floor_minor, state, parse_time(at)
            )
        return found

    @cached_property
    def _holds(self) -> dict[UUID, HoldView]:
        found = {}
        for id_, account, amount_minor, captured_minor, released_minor, moves, expires_at in self._hold_rows.rows:
            hold_id = identifiers.from_bytes(id_)
            found[hold_id] = HoldView(
                hold_id,
                identifiers.from_bytes(account),
                amount_minor,
                captured_minor,
                released_minor,
                moves,
                parse_time(expires_at),
            )
            self._holds_before[hold_id] = moves
        return found

    def require(self, account_ids: Iterable[UUID], hold_ids: Iterable[UUID] = ()) -> None:
        """Raise RowLocked if one of them was passed over because somebody else holds it."""
        if not self._tx.skip_locked:
            return
        if any(i not in self._accounts for i in account_ids) or any(i not in self._holds for i in hold_ids):
            raise RowLocked

    def imagine(self, account_id: UUID, currency: str) -> None:
        """Let a new, empty account be there: for a batch that is decided and never written."""
        never = datetime.min.replace(tzinfo=UTC)
        self._accounts[account_id] = AccountView(account_id, b"", currency, 0, 0, 0, 0, AccountState.OPEN, never)

    def account(self, account_id: UUID) -> AccountView:
        """Return a locked account as the batch has made it so far; do not change it."""
        return self._accounts[account_id]

    def hold(self, hold_id: UUID) -> HoldView:
        """Return a locked hold as the batch has made it so far; do not change it."""
        return self._holds[hold_id]

    def post(self, group: Group, *, at: datetime) -> list[dict[str, Any]]:
        """Book a group in memory and return its transfers as the event tells them.

        `at` is the database's time under the locks. Raises the first of `ledger/rules.py` that refuses the group;
        then nothing of it is booked.
        """
        ways = [
            _Way(self._accounts[transfer.debit_id], self._accounts[transfer.credit_id], transfer.amount_minor)
            for transfer in group.transfers
        ]
        currency = _currency(ways)
        self._check(ways, group.captures, at=at)
        for hold_id, amount_minor in group.captures.items():
            hold = self._holds[hold_id]
            hold.captured_minor += amount_minor
            self._move_hold(hold, HoldMoveKind.CAPTURED, amount_minor, group.event_id, at)
        return self._book(ways, group, currency, at=at)

    def place(self, new: NewHold, *, at: datetime) -> None:
        """Reserve money in memory, if it could be paid at once.

        Raises AccountClosed, AccountFrozen or InsufficientFunds. Rule MR13.
        """
        self._check_way(new.account_id, new.for_account_id, held_change_minor=new.amount_minor)
        hold = HoldView(new.id, new.account_id, new.amount_minor, 0, 0, 0, new.expires_at)
        self._holds[new.id] = hold
        self._placed.append(new)
        self._move_hold(hold, HoldMoveKind.PLACED, new.amount_minor, new.event_id, at)

    def release(self, hold_id: UUID, *, event_id: UUID, at: datetime, expired: bool = False) -> int:
        """Give back what is left of a hold and return how much, in minor units. Raises HoldClosed."""
        hold = self._holds[hold_id]
        hold.check_release()
        left_minor = hold.left_minor
        hold.released_minor += left_minor
        kind = HoldMoveKind.EXPIRED if expired else HoldMoveKind.RELEASED
        self._move_hold(hold, kind, left_minor, event_id, at)
        return left_minor

    def extend(self, hold_id: UUID, *, for_account_id: UUID, until: datetime, event_id: UUID, at: datetime) -> None:
        """Give a hold another deadline. Raises HoldClosed, HoldExpired, AccountClosed or AccountFrozen."""
        hold = self._holds[hold_id]
        hold.check_capture(0, at=at)
        self._check_way(hold.account_id, for_account_id, held_change_minor=0)
        hold.expires_at = until
        self._move_hold(hold, HoldMoveKind.EXTENDED, 0, event_id, at)

    def write_ahead(self) -> None:
        """Write transfers and entries, which are never changed; `write` leaves them out."""
        self._tx.insert("ledger_transfer", _TRANSFER_COLUMNS, self._transfers)
        self._tx.insert("ledger_entry", _ENTRY_COLUMNS, self._entries)
        self._transfers, self._entries = [], []

    def write(self) -> None:
        """Write transfers, entries, holds and balances: one statement a table."""
        tx = self._tx
        self.write_ahead()
        self._write_holds()
        tx.update(
            "ledger_account",
            ("balance_minor", "held_minor", "sequence", "last_booked_at"),
            [
                (a.key, a.balance_minor, a.held_minor, a.sequence, tx.time(a.last_booked_at), *a.before)
                for a in self._accounts.values()
                if a.changed
            ],
            guard=("sequence", "held_minor"),
        )

    def _check(self, ways: Sequence["_Way"], captures: Mapping[UUID, int], *, at: datetime) -> None:
        """Raise the first reason to refuse a group."""
        accounts: dict[bytes, AccountView] = {}
        net_minor: dict[bytes, int] = {}
        held_change_minor: dict[bytes, int] = {}
        for debit, credit, amount_minor in ways:
            accounts[debit.key], accounts[credit.key] = debit, credit
            net_minor[debit.key] = net_minor.get(debit.key, 0) - amount_minor
            net_minor[credit.key] = net_minor.get(credit.key, 0) + amount_minor
        for hold_id, amount_minor in captures.items():
            hold = self._holds[hold_id]
            hold.check_capture(amount_minor, at=at)
            key = hold.account_id.bytes
            held_change_minor[key] = held_change_minor.get(key, 0) - amount_minor
        for key in sorted(accounts):
            accounts[key].check(net_minor[key], held_change_minor=held_change_minor.get(key, 0))

    def _check_way(self, from_id: UUID, to_id: UUID, *, held_change_minor: int) -> None:
        """Raise the first reason not to hold so much more on one account for another, in the order of a group."""
        for account_id in sorted((from_id, to_id)):
            change_minor = held_change_minor if account_id == from_id else 0
            self._accounts[account_id].check(0, held_change_minor=change_minor)

    def _book(self, ways: Sequence["_Way"], group: Group, currency: str, *, at: datetime) -> list[dict[str, Any]]:
        # An account's lines are in order of time too, even when the clock steps back.
        booked_at = at
        for debit, credit, _ in ways:
            booked_at = max(booked_at, debit.last_booked_at, credit.last_booked_at)
        times = self._tx.time(booked_at), self._tx.time(at)
        subject = group.subject_kind, group.subject_id.bytes
        group_id, event_id = identifiers.new().bytes, group.event_id.bytes
        named = [(identifiers.new(), way) for way in ways]
        when = booked_at, times[0]
        credited = [
            self._enter(credit, (id_.bytes, amount_minor), (*subject, debit.owner), when)
            for id_, (debit, credit, amount_minor) in named
        ]
        debited = [
            self._enter(debit, (id_.bytes, -amount_minor), (*subject, credit.owner), when)
            for id_, (debit, credit, amount_minor) in named
        ]
        told = []
        for (transfer_id, (debit, credit, amount_minor)), credit_sequence, debit_sequence in zip(
            named, credited, debited, strict=True
        ):
            self._transfers.append(
                (transfer_id.bytes, group_id, debit.key, credit.key, amount_minor, currency, *subject, event_id, *times)
            )
            told.append(
                {
                    "id": identifiers.show("tra", transfer_id),
                    "debit_account": debit.shown,
                    "debit_sequence": debit_sequence,
                    "credit_account": credit.shown,
                    "credit_sequence": credit_sequence,
                    "amount": Money(amount_minor, currency).document(),
                }
            )
        return told

    def _enter(
        self, account: AccountView, what: tuple[bytes, int], about: tuple[str, bytes, bytes], when: tuple[datetime, Any]
    ) -> int:
        """Give an account its next line and return the line's sequence. Rule MR7.

        `what` are transfer and signed amount; `about` what it was for and whose the other account is; `when` the time
        and how the database is told it.
        """
        account.balance_minor += what[1]
        account.sequence += 1
        account.last_booked_at = when[0]
        self._entries.append((account.key, account.sequence, *what, account.balance_minor, *about, when[1]))
        return account.sequence

    def _move_hold(self, hold: HoldView, kind: HoldMoveKind, amount_minor: int, event_id: UUID, at: datetime) -> None:
        """Take one step in the life of a hold, and let its account's held money follow."""
        hold.moves += 1
        self._accounts[hold.account_id].held_minor += amount_minor if kind is HoldMoveKind.PLACED else -amount_minor
        self._hold_moves.append(
            (hold.id.bytes, hold.moves, kind.value, amount_minor, event_id.bytes, self._tx.time(at))
        )

    def _write_holds(self) -> None:
        tx = self._tx
        placed = {new.id for new in self._placed}
        tx.insert(
            "ledger_hold",
            _HOLD_COLUMNS,
            [
                (
                    new.id.bytes,
                    new.account_id.bytes,
                    new.amount_minor,
                    self._holds[new.id].captured_minor,
                    self._holds[new.id].released_minor,
                    self._holds[new.id].left_minor > 0,
                    self._holds[new.id].moves,
                    new.subject_kind,
                    new.subject_id.bytes,
                    tx.time(self._holds[new.id].expires_at),
                )
                for new in self._placed
            ],
        )
        tx.insert("ledger_hold_move", _HOLD_MOVE_COLUMNS, self._hold_moves)
        tx.update(
            "ledger_hold",
            ("captured_minor", "released_minor", "is_open", "moves", "expires_at"),
            [
                (
                    hold.id.bytes,
                    hold.captured_minor,
                    hold.released_minor,
                    hold.left_minor > 0,
                    hold.moves,
                    tx.time(hold.expires_at),
                    self._holds_before[hold.id],
                )
                for hold in self._holds.values()
                if hold.id not in placed and hold.moves != self._holds_before[hold.id]
            ],
            guard=("moves",),
        )


class _Way(NamedTuple):
    """A transfer with its accounts."""

    debit: AccountView
    credit: AccountView
    amount_minor: int


def _currency(ways: Sequence[_Way]) -> str:
    """Return the one currency of a group; another one is a programming error."""
    currency = ways[0].debit.currency
    for way in ways:
        for account in (way.debit, way.credit):
            if account.currency != currency:
                raise ValueError(f"A group moves one currency, {currency}: no other in {account.id}.")
    return currency
