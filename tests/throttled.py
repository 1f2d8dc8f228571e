"""Throttles as they are in production, for tests of them: the test run multiplies every limit."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from django.test import override_settings

from paysettle.kernel import throttles

DAY_S = 86_400


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        # The next day, in which no other test counts: every window begins when a day does.
        self.now_s = (time.time() // DAY_S + 1) * DAY_S

    def __call__(self) -> float:
        return self.now_s


@contextmanager
def as_in_production() -> Iterator[Clock]:
    """Let limits be what the table says, and no window end by itself."""
    clock = Clock()
    with override_settings(THROTTLE_FACTOR=1), patch.object(throttles, "now_s", clock):
        as_another_process()
        yield clock
        as_another_process()


def as_another_process() -> None:
    """Forget what this process has spent, once everything is counted."""
    throttles._counter.submit(lambda: None).result()
    throttles._portions.clear()
