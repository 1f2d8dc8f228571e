"""The measure by which times are compared finds what was planted, and nothing else, on a busy machine."""

import itertools
import random

import pytest

from tests import timing


class Machine:
    """A clock, and calls that move it on: by what they take, and by what neighbours do to them."""

    def __init__(self, seed: int) -> None:
        self.now_s = 0.0
        self.luck = random.Random(seed)

    def takes(self, duration_s: float) -> timing.Call:
        """Return a call of this duration."""
        return lambda: self._pass(duration_s)

    def _pass(self, duration_s: float) -> None:
        self.now_s += duration_s * self.luck.uniform(1, 3) + (self.luck.random() < 0.2) * self.luck.uniform(0, 0.1)

    def clock(self) -> float:
        return self.now_s


@pytest.mark.once
@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize(("longer_s", "tell"), [(0.0, False), (0.0005, False), (timing.PLANTED_S, True)])
def test_five_milliseconds_are_told_from_noise(seed: int, longer_s: float, *, tell: bool) -> None:
    machine = Machine(seed)
    for pair in ((0.01 + longer_s, 0.01), (0.01, 0.01 + longer_s)):
        calls = [machine.takes(duration_s) for duration_s in pair]
        assert timing.differ(itertools.repeat((calls[0], calls[1])), clock=machine.clock) is tell
