"""One amount split among the orders of a batch, by their weights and to the last minor unit."""

from typing import Any

from paysettle.api.validators import Fields
from paysettle.kernel.errors import FieldError, InvalidRequest
from paysettle.kernel.money import Money, allocate
from paysettle.payments.rules import WEIGHT_MAX


def split(whole: Money, entries: list[Any]) -> list[Any]:
    """Return the orders as if each had been sent with its part as its amount.

    What is wrong with a weight is wrong with the batch, for it changes what all others get: raises InvalidRequest,
    also where somebody would get nothing.
    """
    weights, errors = [], []
    for n, entry in enumerate(entries):
        if not isinstance(entry, dict):
            errors.append(FieldError(f"/items/{n}", "not_an_object", "An object is expected."))
            continue
        fields = Fields(entry, at=f"/items/{n}")
        weights.append(fields.whole("weight", least=1, most=WEIGHT_MAX, default=1) or 1)
        if "amount" in entry:
            fields.refuse("amount", "not_applicable", "The amount of the batch is split: an order has a weight.")
        errors += fields.errors
    if errors:
        raise InvalidRequest(errors)
    parts = allocate(whole.amount_minor, weights)
    if 0 in parts:
        raise InvalidRequest([FieldError("/amount", "too_small", "There is not enough for everybody to get a part.")])
    return [_with_part(entry, Money(part, whole.currency)) for entry, part in zip(entries, parts, strict=True)]


def _with_part(entry: dict[str, Any], part: Money) -> dict[str, Any]:
    amount = {"amount": part.amount_minor, "currency": part.currency}
    return {name: value for name, value in entry.items() if name != "weight"} | {"amount": amount}
