"""Every reason to refuse a group of transfers, in the order in which they are checked. Plain Python."""

from dataclasses import dataclass
from uuid import UUID

from paysettle.kernel.errors import DomainError
from paysettle.kernel.money import AMOUNT_MINOR_MAX, BALANCE_MINOR_LIMIT, Money


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


@dataclass(slots=True)
class AccountView:
    """An account as a batch sees it: what it held when it was locked, and what the batch has made of it so far."""

    id: UUID
    currency: str
    balance_minor: int
    held_minor: int
    sequence: int
    floor_minor: int | None
    state: str

    def check(self, change_minor: int) -> None:
        """Raise the first reason why the balance may not change by this much; a group is judged on its net."""
        if self.state == "closed":
            raise AccountClosed
        if self.state == "frozen":
            raise AccountFrozen
        after = self.balance_minor + change_minor
        # Money that comes in is never refused for lack of funds, whatever the floor.
        if change_minor < 0 and self.floor_minor is not None and after - self.held_minor < self.floor_minor:
            available = Money(self.balance_minor - self.held_minor - self.floor_minor, self.currency)
            raise InsufficientFunds(f"{available} are available, {Money(-change_minor, self.currency)} are needed.")
        if not -BALANCE_MINOR_LIMIT < after < BALANCE_MINOR_LIMIT:
            raise BalanceLimit
