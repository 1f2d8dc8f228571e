"""Identifiers sort by time, are unique, and survive being shown and read."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paysettle.kernel import identifiers
from paysettle.kernel.identifiers import BadIdentifier

pytestmark = pytest.mark.once


def test_those_of_one_process_increase() -> None:
    made = [identifiers.new() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {identifier.version for identifier in made} == {7}


@given(st.uuids())
def test_what_is_shown_is_read_back(identifier: UUID) -> None:
    assert identifiers.parse("pay", identifiers.show("pay", identifier)) == identifier


@pytest.mark.parametrize(
    "text",
    ["", "pay_", "pay_0", "set_" + "0" * 26, "pay_" + "0" * 25 + "u", "pay_" + "z" * 26, "pay_" + "0" * 27, "0" * 30],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadIdentifier):
        identifiers.parse("pay", text)
