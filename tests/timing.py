"""Whether one thing takes longer than another.

A test of this kind shall find a difference that was planted and none where there is none, on a machine that is busy
with other things too. So it measures as often as it has to: until chance no longer explains the answer.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator

Call = Callable[[], object]

PLANTED_S = 0.005
BOUND_S = PLANTED_S / 2
"""What a planted difference exceeds at the median, and an honest one does not."""

LOOKS = (15, 30, 60, 120, 240, 480, 960)
"""After how many pairs the answer is looked at. Few, for each look is one more chance to be wrong."""

DEVIATIONS = 4
"""How wide the interval of the median is: chance puts the median outside of it once in ten thousand times."""


def differ(
    pairs: Iterator[tuple[Call, Call]], *, by_s: float = BOUND_S, clock: Callable[[], float] = time.perf_counter
) -> bool:
    """Return whether the calls of a pair take times that differ at the median by more than `by_s` seconds.

    Each pair is compared by itself, so that what slows the machine for a while slows both calls of it, and each call
    goes first every second time. What is done to make a pair is not measured. Pairs are asked for until the interval of
    the median (by the order of the differences, as the sign test has it) lies on one side of the bound.
    """
    differences: list[float] = []
    for turn, (one, other) in enumerate(itertools.islice(pairs, LOOKS[-1])):
        if turn % 2:
            other_s, one_s = _took_s(other, clock), _took_s(one, clock)
        else:
            one_s, other_s = _took_s(one, clock), _took_s(other, clock)
        differences.append(one_s - other_s)
        if len(differences) in LOOKS:
            least_s, most_s = _interval(differences)
            if -by_s < least_s and most_s < by_s:
                return False
            if by_s < least_s or most_s < -by_s:
                return True
    return abs(sorted(differences)[len(differences) // 2]) > by_s


def _took_s(call: Call, clock: Callable[[], float]) -> float:
    started = clock()
    call()
    return clock() - started


def _interval(values: list[float]) -> tuple[float, float]:
    """Return between which two of the values their median lies."""
    values = sorted(values)
    outside = max(0, math.floor(len(values) / 2 - DEVIATIONS * math.sqrt(len(values)) / 2))
    return values[outside], values[-1 - outside]


def work(duration_s: float) -> None:
    """Do something for so many seconds of processor time: a difference to plant."""
    started = time.thread_time()
    while time.thread_time() < started + duration_s:
        pass
