"""Money is whole minor units, and is shown the way its currency is written."""

import pytest

from paysettle.kernel.money import Money, exponent

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
