"""What we write into a statement ourselves comes back as it was, whatever is in it."""

from collections.abc import Callable
from unittest.mock import patch

import pytest
from django.db import Error

from paysettle.kernel import literals, transactions
from paysettle.kernel.transactions import Transaction
from tests.plugin import KIND

pytestmark = pytest.mark.money

TEXTS = [
    "",
    "plain",
    "it's",
    "''",
    "' OR 1=1 -- ",
    "\\",
    "\\'",
    "ends with \\",
    "\\' OR 1=1 -- ",
    '{"a":"b"}',
    "100 %",
    "%s and %(name)s and %%",
    "a\0b",
    "a\nb\r\t\x1a",
    "é ß 中 🙂 \u2028",
    "\u00bf'",  # half of a letter and a quote, in other character sets
    "; DROP TABLE event",
    "/* */ # --",
    '`"`',
    "x'00'",
]


def _back(values: list[object]) -> list[object]:
    """Return values after a way through the database, in one statement."""

    def work(tx: Transaction) -> list[object]:
        return list(tx.fetch(f"SELECT {','.join(['%s'] * len(values))}", values)[0])

    return transactions.run(work, plain=True)


def test_texts() -> None:
    """Control: below, where every text is put in quotes as it is."""
    assert _back([*TEXTS]) == TEXTS
    for text in TEXTS:
        assert _back([text, "x", text]) == [text, "x", text]


def test_ids_numbers_and_nothing() -> None:
    values = [bytes(range(16)), b"", b"'\\%\0", 0, -1, 10**15, None]
    found = _back(values)
    assert [bytes(one) if isinstance(one, bytes | bytearray) else one for one in found] == values


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite's driver takes values as values")
@pytest.mark.parametrize("spoilt", [lambda text: f"'{text}'", lambda text: None if "'" in text else f"'{text}'"])
def test_control_a_literal_that_escapes_nothing_is_noticed(spoilt: Callable[[str], str | None]) -> None:
    with (
        patch.dict(literals._LITERALS, {str: spoilt}),
        pytest.raises((AssertionError, Error, TypeError, ValueError)),
    ):
        test_texts()
