"""Texts of people: every script as it is written, nothing that hides or turns other characters."""

import pytest

from paysettle.api.validators import Fields

pytestmark = pytest.mark.once

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
ORDERING = ["\u202e", "\u2066", "\u2028", "\ufeff"]
NO_CHARACTERS = ["\ufffe", "\ufdd0", "\U0001ffff"]


@pytest.mark.parametrize("text", ["Zoë", PERSIAN, FAMILY, "\u5bff\u53f8"])
def test_what_people_write_is_taken(text: str) -> None:
    fields = Fields({"note": text})
    assert fields.text("note", longest=40) == text
    fields.check()


@pytest.mark.parametrize("letter", ["\x00", "\n", "\x7f", *ORDERING, *NO_CHARACTERS])
def test_what_hides_is_refused(letter: str) -> None:
    fields = Fields({"note": f"a{letter}b"})
    fields.text("note", longest=40)
    assert [error.code for error in fields.errors] == ["not_printable"]
