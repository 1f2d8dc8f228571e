"""By how much one thing takes longer than another."""

import statistics
import time
from collections.abc import Callable


def difference_s(
    one: Callable[[], object],
    other: Callable[[], object],
    *,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return by how much one call takes longer than another at the median, in seconds; both are made by turns.

    Each pair is compared by itself: what slows the machine for a while slows both of it.
    """
    differences = []
    for _ in range(rounds):
        one_s, other_s = (_took_s(call, clock) for call in (one, other))
        differences.append(one_s - other_s)
    return statistics.median(differences)


def _took_s(call: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    call()
    return clock() - started
