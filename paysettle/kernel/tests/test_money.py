"""Money is whole minor units, shown the way its currency is written, and split without losing one."""

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paysettle.kernel.money import AMOUNT_MINOR_MAX, Money, allocate, exponent

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("amount_minor", "currency", "decimal"),
    [
        (1250, "EUR", "12.50"),
        (5, "EUR", "0.05"),
        (-5, "EUR", "-0.05"),
        (0, "EUR", "0.00"),
        (1250, "JPY", "1250"),
        (1250, "BHD", "1.250"),
        (12345, "CLF", "1.2345"),
        (10**15, "EUR", "10000000000000.00"),
    ],
)
def test_the_decimal_form_has_the_exponent_of_the_currency(amount_minor: int, currency: str, decimal: str) -> None:
    assert Money(amount_minor, currency).decimal() == decimal


@pytest.mark.parametrize("code", ["eur", "EURO", "", "XXA", "XAU", "€€€", "E R"])
def test_what_is_no_currency_has_no_exponent(code: str) -> None:
    assert exponent(code) is None


AMOUNTS = st.integers(0, AMOUNT_MINOR_MAX)
WEIGHTS = st.lists(st.integers(1, 1_000_000), min_size=1, max_size=60)


def check_parts(split: Callable[[int, Sequence[int]], list[int]], amount_minor: int, weights: Sequence[int]) -> None:
    """Assert that no cent is lost or made, and that nobody is a whole one away from their exact share."""
    parts = split(amount_minor, weights)
    assert len(parts) == len(weights)
    assert sum(parts) == amount_minor
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - amount_minor * weight) < sum(weights)
    pairs = list(itertools.pairwise(sorted(zip(weights, parts, strict=True))))
    assert all(less[1] <= more[1] for less, more in pairs if less[0] < more[0])


@given(AMOUNTS, WEIGHTS)
@settings(max_examples=2000, deadline=None)
def test_the_parts_of_an_amount_add_up_to_it_and_are_fair(amount_minor: int, weights: list[int]) -> None:
    check_parts(allocate, amount_minor, weights)


@pytest.mark.parametrize(
    ("amount_minor", "weights", "parts"),
    [
        (100_00, [1, 1, 1], [33_34, 33_33, 33_33]),
        (2, [1, 1, 1], [1, 1, 0]),
        (0, [3, 4], [0, 0]),
        (10, [1, 2, 4], [1, 3, 6]),  # exactly 1.43, 2.86, 5.71
        (AMOUNT_MINOR_MAX, [1, 999_999], [10**9, 10**15 - 10**9]),
    ],
)
def test_the_largest_remainders_get_what_is_left(amount_minor: int, weights: list[int], parts: list[int]) -> None:
    assert allocate(amount_minor, weights) == parts


def test_a_million_small_splits_lose_nothing_and_gain_nobody_a_cent_each() -> None:
    """The salami: whatever is rounded, the sum of a million splits is the sum of what was split."""
    got = [0, 0, 0]
    for n in range(1_000_000):
        got = [one + part for one, part in zip(got, allocate(3 + n % 5, (2, 1, 1)), strict=True)]
    assert sum(got) == sum(3 + n % 5 for n in range(1_000_000))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda amount, weights: [round(amount * weight / sum(weights)) for weight in weights],
        lambda amount, weights: [amount * weight // sum(weights) for weight in weights],
        lambda amount, weights: (
            [amount - amount // len(weights) * (len(weights) - 1)] + [amount // len(weights)] * (len(weights) - 1)
        ),
    ],
    ids=["each rounded by itself", "each rounded down", "all that is left to the first"],
)
def test_control_other_ways_to_round_are_found(wrong: Callable[[int, Sequence[int]], list[int]]) -> None:
    with pytest.raises(AssertionError):
        check_parts(wrong, 11, [1, 1, 1, 1])
