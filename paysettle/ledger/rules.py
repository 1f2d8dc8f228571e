"""Every reason to refuse a group of transfers, in the order in which they are checked. Plain Python."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from paysettle.kernel import identifiers
from paysettle.kernel.errors import DomainError
from paysettle.kernel.money import AMOUNT_MINOR_MAX, BALANCE_MINOR_LIMIT, Money
from paysettle.ledger.chart import AccountState


class AccountClosed(DomainError):
    """An account of the transfer is closed for good."""

    code = "account_closed"
    status = 422
    title = "An account of this payment is closed."
    stored = True


class AccountFrozen(DomainError):
    """An account of the transfer is frozen for now."""

    code = "account_frozen"
    status = 422
    title = "An account of this payment is frozen."
    stored = True


class InsufficientFunds(DomainError):
    """The paying account has less than the amount available. Rule MR4."""

    code = "insufficient_funds"
    status = 422
    title = "There is not enough money available."
    stored = True


class BalanceLimit(DomainError):
    """The balance would become too large to be shown exactly. Rule MR9."""

    code = "balance_limit"
    status = 422
    title = "A balance would grow beyond what can be kept exactly."
    stored = True


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement to post: debit one account, credit another, a positive amount in minor units."""

    debit_id: UUID
    credit_id: UUID
    amount_minor: int

    def __post_init__(self) -> None:
        """Refuse what no caller may even ask for: these are programming errors, not refusals. Rules MR1, MR2."""
        if type(self.amount_minor) is not int or not 1 <= self.amount_minor <= AMOUNT_MINOR_MAX:
            raise ValueError(f"An amount is from 1 to {AMOUNT_MINOR_MAX} minor units, not {self.amount_minor!r}.")
        if self.debit_id == self.credit_id:
            raise ValueError("A transfer needs two accounts.")


class HoldClosed(DomainError):
    """Nothing is left of the hold: all of it was captured, released or has expired."""

    code = "hold_closed"
    status = 422
    title = "Nothing is held any more."
    stored = True


class HoldExpired(DomainError):
    """The hold has passed its deadline, whether or not its money has been given back yet."""

    code = "hold_expired"
    status = 422
    title = "The hold has expired."
    stored = True


class CaptureExceedsHold(DomainError):
    """More was asked for than is left on hold."""

    code = "capture_exceeds_hold"
    status = 422
    title = "Less than that is held."
    stored = True


@dataclass(slots=True)
class HoldView:
    """A hold as a batch sees it."""

    id: UUID
    account_id: UUID
    amount_minor: int
    captured_minor: int
    released_minor: int
    moves: int
    expires_at: datetime

    @property
    def left_minor(self) -> int:
        """What is still held, in minor units."""
        return self.amount_minor - self.captured_minor - self.released_minor

    def check_capture(self, amount_minor: int, *, at: datetime) -> None:
        """Raise the first reason why this much may not be captured at this moment."""
        if self.left_minor == 0:
            raise HoldClosed
        if at >= self.expires_at:
            raise HoldExpired
        if amount_minor > self.left_minor:
            raise CaptureExceedsHold

    def check_release(self) -> None:
        """Raise HoldClosed if nothing is left to release."""
        if self.left_minor == 0:
            raise HoldClosed


@dataclass(slots=True)
class AccountView:
    """An account as a batch sees it: what it held when it was locked, and what the batch has made of it so far.

    `key` is its id as the database has it, which is compared and hashed in a fraction of the time of a UUID, and so is
    `owner`, whose it is; `shown` its public id; `before` sequence and held money when it was locked.
    """

    id: UUID
    owner: bytes
    currency: str
    balance_minor: int
    held_minor: int
    sequence: int
    floor_minor: int | None
    state: str
    last_booked_at: datetime
    key: bytes = field(init=False)
    shown: str = field(init=False)
    before: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.key = self.id.bytes
        self.shown = identifiers.show("acc", self.id)
        self.before = (self.sequence, self.held_minor)

    @property
    def changed(self) -> bool:
        """Whether the batch has made something else of it."""
        return (self.sequence, self.held_minor) != self.before

    @property
    def available_minor(self) -> int:
        """What may be spent, in minor units, of an account with a floor."""
        return self.balance_minor - self.held_minor - (self.floor_minor or 0)

    def check(self, change_minor: int, *, held_change_minor: int = 0) -> None:
        """Raise the first reason why balance and held money may not change by this much.

        A group is judged on its net. Money on hold is neither spendable nor spent: taking from a hold lowers both
        sides, placing one lowers what is available.
        """
        if self.state == AccountState.CLOSED:
            raise AccountClosed
        if self.state == AccountState.FROZEN:
            raise AccountFrozen
        after = self.balance_minor + change_minor
        needed_minor = held_change_minor - change_minor
        # Money that comes in is never refused for lack of funds, whatever the floor.
        if self.floor_minor is not None and 0 < needed_minor > self.available_minor:
            available, needed = Money(self.available_minor, self.currency), Money(needed_minor, self.currency)
            raise InsufficientFunds(f"{available} are available, {needed} are needed.")
        if not -BALANCE_MINOR_LIMIT < after < BALANCE_MINOR_LIMIT:
            raise BalanceLimit
