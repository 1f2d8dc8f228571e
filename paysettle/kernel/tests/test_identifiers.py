"""Identifiers sort by time, are unique, and survive being shown and read."""

import copy
from uuid import RFC_4122, UUID, SafeUUID

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


@given(st.uuids())
def test_what_the_database_keeps_is_read_back(identifier: UUID) -> None:
    for raw in (identifier.bytes, memoryview(identifier.bytes)):
        found = identifiers.from_bytes(raw)
        assert (found, hash(found), str(found), found.bytes) == (identifier, hash(identifier), str(identifier), raw)
        assert copy.deepcopy(found) == identifier


def test_those_that_are_made_are_ordinary() -> None:
    made = identifiers.new()
    assert made == UUID(str(made))
    assert (made.variant, made.is_safe) == (RFC_4122, SafeUUID.unknown)


@pytest.mark.parametrize(
    "text",
    ["", "pay_", "pay_0", "set_" + "0" * 26, "pay_" + "0" * 25 + "u", "pay_" + "z" * 26, "pay_" + "0" * 27, "0" * 30],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadIdentifier):
        identifiers.parse("pay", text)
