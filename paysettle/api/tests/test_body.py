"""Strict JSON: what cannot be read is refused with the reason, what can be read keeps its types."""

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paysettle.api import body
from paysettle.api.body import MalformedBody, Number

pytestmark = pytest.mark.once

DEEP = b'{"a":' * 9 + b"1" + b"}" * 9


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "line 1, column 1"),
        (b'{"a": 1,\n}', "line 2, column 1"),
        (b"[]", "must be a JSON object"),
        (b'{"a": 1, "a": 2}', "The key 'a' stands twice"),
        (b'{"a": {"b": 1, "b": 1}}', "The key 'b' stands twice"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"\\udfff": 1}', "half of a surrogate pair"),
        (DEEP, "nested deeper than 8"),
        (b"[" * 100_000, "nested deeper than 8"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(MalformedBody, match=reason):
        body.parse(raw, size_max=1_000_000)


def test_a_number_that_is_not_whole_is_kept_as_it_was_written() -> None:
    found = body.parse(b'{"a": 1.50, "b": 1e3, "c": -0, "d": 12}', size_max=100)
    assert found == {"a": "1.50", "b": "1e3", "c": "-0", "d": 12}
    assert [type(found[name]) for name in "abcd"] == [Number, Number, Number, int]


@pytest.mark.parametrize(
    ("raw", "pointer", "code"),
    [
        (b'{"a": 1, "a": 2}', "/a", "repeated_key"),
        (b'{"a": {"b/c": 1, "b/c": 1}}', "/a/b~1c", "repeated_key"),
        (b'{"a": [0, {"b": 1, "b": 1}]}', "/a/1/b", "repeated_key"),
        (b'{"a": {"b": "\\ud800"}}', "/a/b", "half_a_surrogate"),
        (b'{"a": [1, NaN]}', "/a/1", "not_json"),
        (DEEP, "/a/a/a/a/a/a/a/a", "too_deep"),
        (b"[" * 100_000, "", "too_deep"),
        (b'{"a": "\xff"}', "", "not_utf8"),
        (b'{"a": 1,}', "", "not_json"),
        (b"", "", "not_json"),
        (b"[]", "", "not_an_object"),
    ],
)
def test_a_pointer_leads_to_the_fault(raw: bytes, pointer: str, code: str) -> None:
    with pytest.raises(MalformedBody) as refusal:
        body.parse(raw, size_max=200_000)
    (error,) = refusal.value.members["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=3)),
        max_leaves=12,
    )
)
def test_the_quick_way_reads_what_the_exact_one_reads(value: Any) -> None:
    """Control: without `_fits`, or with a hook that forgets what stands twice, some body is read that must not be."""
    raw = json.dumps({"a": value}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    for text in (
        raw,
        raw.replace(b'"a"', b'"b"'),
        raw[:-1] + b',"a":1}',
        raw.replace(b"[", b"[[[[[").replace(b"]", b"]]]]]"),
    ):
        assert _read(text) == _read(text, patch.object(body, "_read_quickly", side_effect=body._Doubtful))


@pytest.mark.parametrize("levels", [6, 7, 8, 9])
@pytest.mark.parametrize("inside", [b"1", b"{}", b"[]", b'"["'])
def test_both_ways_stop_at_the_same_depth(levels: int, inside: bytes) -> None:
    raw = b'{"a":' * levels + inside + b"}" * levels
    assert _read(raw) == _read(raw, patch.object(body, "_read_quickly", side_effect=body._Doubtful))


def _read(raw: bytes, how: AbstractContextManager[Any] | None = None) -> Any:
    with how or nullcontext():
        try:
            return body.parse(raw, size_max=1_000_000)
        except MalformedBody as refusal:
            return refusal.members
