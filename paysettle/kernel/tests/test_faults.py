"""What each error of a database means for the transaction that it ended."""

import pytest
from django.db import OperationalError

from paysettle.kernel.faults import Fault, classify

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (1213, Fault.ROLLED_BACK),
        (1020, Fault.ROLLED_BACK),
        (1205, Fault.ROLLED_BACK),
        (2006, Fault.GONE),
        (2013, Fault.GONE),
        (1047, Fault.GONE),
        (1180, Fault.GONE),
        (1290, Fault.GONE),
        (1062, Fault.DUPLICATE),
        (1114, Fault.FULL),
        (4025, Fault.BUG),
        (1690, Fault.BUG),
    ],
)
def test_each_error_has_its_class(code: int, fault: Fault) -> None:
    assert classify(OperationalError(code, "")) is fault
