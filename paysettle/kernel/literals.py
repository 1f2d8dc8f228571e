"""Values written into SQL: what needs no escaping is written here, the rest is left to the driver."""

from collections.abc import Callable, Sequence
from typing import Any

Statement = tuple[str, Sequence[Any]]
"""A text with `%s` for every parameter, and the parameters."""


def written_in_one(statements: Sequence[Statement]) -> Statement:
    """Return statements as one text, with the values that the driver still has to write into it."""
    sql = "; ".join(text for text, _ in statements)
    return _written(sql, [value for _, values in statements for value in values])


def _written(sql: str, parameters: Sequence[Any]) -> Statement:
    """Write into a statement whatever needs no escaping; the rest is left to the driver.

    Drivers escape value by value in Python. A batch has some seventy values for each payment, nearly all of them ids,
    numbers and texts in which nothing needs escaping: this alone was a quarter of its processor time. Half of them
    stand there several times, so each is written once.
    """
    places = list(map(_Literals().__getitem__, parameters))
    left = [value for value, place in zip(parameters, places, strict=True) if place is None] if None in places else []
    return sql % tuple(["%s" if place is None else place for place in places] if left else places), left


def _text_literal(text: str) -> str | None:
    """Return a text in quotes, or None if something in it would have to be escaped.

    In UTF-8, the only character set of our connections, nothing but a quote or a backslash can end or change a
    literal. A `%` would be one more place for the driver.
    """
    return None if "'" in text or "\\" in text or "%" in text or "\0" in text else f"'{text}'"


def _left_to_the_driver(_value: Any) -> None:
    return None


_LITERALS: dict[type, Callable[[Any], str | None]] = {
    bytes: lambda value: f"x'{value.hex()}'",
    str: _text_literal,
    int: str,
    bool: lambda value: "1" if value else "0",
    type(None): lambda _: "NULL",
}


class _Literals(dict[Any, str | None]):
    """The literal of each value, written when it is first asked for. Values that are equal are written alike."""

    def __missing__(self, value: Any) -> str | None:
        literal = self[value] = _LITERALS.get(type(value), _left_to_the_driver)(value)
        return literal
