"""Money: whole minor units of one currency, exponent by ISO 4217. Never a float."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import iso4217

AMOUNT_MINOR_MAX = 10**15
"""The largest amount of one transfer. Far below 2^53, so that every JSON reader keeps it exact."""

BALANCE_MINOR_LIMIT = 2**53
"""A balance stays strictly below this in size: JSON readers that use doubles keep it exact."""


@lru_cache(maxsize=512)
def exponent(currency: str) -> int | None:
    """Return the number of decimals of a currency (EUR 2, JPY 0, BHD 3), or None where money cannot be kept in it.

    That is: not an upper-case ISO 4217 code, or one without minor units (gold, test codes).
    """
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        return None
    try:
        return iso4217.Currency(currency).exponent
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents for EUR, yen for JPY) of one currency. Rule MR1."""

    amount_minor: int
    currency: str

    def decimal(self) -> str:
        """Return the amount as people write it: `12.50`, `-0.05`, `1250` for a currency without decimals."""
        return _decimal(self.amount_minor, self.currency)

    def document(self) -> dict[str, Any]:
        """Return the money object of the API: minor units, currency, and the decimal form for people."""
        return {"amount": self.amount_minor, "currency": self.currency, "decimal": self.decimal()}

    def __str__(self) -> str:
        return f"{self.decimal()} {self.currency}"


@lru_cache(maxsize=10_000)  # a payment shows its amount several times
def _decimal(amount_minor: int, currency: str) -> str:
    places = exponent(currency) or 0
    digits = str(abs(amount_minor)).rjust(places + 1, "0")
    sign = "-" if amount_minor < 0 else ""
    if not places:
        return sign + digits
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def allocate(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """Return the parts of an amount, in minor units and in the order of their weights, that add up to it. Rule MR17.

    Each part is its exact share, rounded down or up: those with the largest remainders are rounded up, among equal ones
    those that stand first (the largest remainder method, also called Hamilton's). Weights are positive.
    """
    total = sum(weights)
    parts = [amount_minor * weight // total for weight in weights]
    remainders = [amount_minor * weight % total for weight in weights]
    left = amount_minor - sum(parts)
    for n in sorted(range(len(parts)), key=lambda n: -remainders[n])[:left]:
        parts[n] += 1
    return parts
