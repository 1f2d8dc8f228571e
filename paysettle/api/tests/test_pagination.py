"""The size of a page: 1 to 100, written as such a number is."""

import pytest
from django.test import RequestFactory

from paysettle.api import pagination
from paysettle.kernel.errors import InvalidRequest

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("text", "limit"), [("1", 1), ("100", 100), ("007", 7)])
def test_a_limit_is_read(text: str, limit: int) -> None:
    assert pagination.limit_of(RequestFactory().get("/", {"limit": text})) == limit


@pytest.mark.parametrize("text", ["", "0", "101", "-1", "1.5", "x", "\u0661", "0000000019999", "00000001" + "0" * 4400])
def test_another_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        pagination.limit_of(RequestFactory().get("/", {"limit": text}))
