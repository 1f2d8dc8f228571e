"""Identifiers: UUIDv7 inside (RFC 9562), a prefix and Crockford base32 outside (`pay_06…`).

They are made by the application, so that a batch knows all its ids before it writes, and they sort by time, so that
new rows land together in the index. What is shown never is a counter of the database.
"""

import os
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, SafeUUID

from paysettle.kernel.errors import DomainError

SYSTEM = UUID(int=0)
"""The owner of the system's own accounts and the acting party of its own operations."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_TRIPLES = [pair + letter for pair in _PAIRS for letter in _ALPHABET]
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH = 26

_VERSION = 7 << 76
_VARIANT = 2 << 62
_UNKNOWN = SafeUUID.unknown
"""Python 3.11 and 3.12 run code each time it is looked up, which took as long as all the rest of an identifier."""
_make, _set_number, _set_safe = object.__new__, UUID.int.__set__, UUID.is_safe.__set__  # type: ignore[attr-defined, misc]

_lock = threading.Lock()
_last = 0

_RANDOM_AHEAD = 512
_random: Iterator[int] = iter(())
"""Random numbers fetched ahead: asking the system for each identifier costs more than all the rest of it."""


class BadIdentifier(DomainError):
    """A text is not an identifier of the expected kind."""

    code = "bad_identifier"
    status = 422
    title = "This is not an identifier of the expected kind."


def new() -> UUID:
    """Return a UUIDv7; those of one process are strictly increasing.

    48 bits of Unix milliseconds and 12 bits of the fraction of one (RFC 9562, section 6.2, method 3), then 62 random
    bits.
    """
    global _last, _random  # noqa: PLW0603 - the one counter of the process, and its stock of randomness
    with _lock:
        ticks = time.time_ns() * 4096 // 1_000_000
        if ticks <= _last:
            ticks = _last + 1
        _last = ticks
        rest = next(_random, None)
        if rest is None:
            numbers = struct.unpack(f"{_RANDOM_AHEAD}Q", os.urandom(8 * _RANDOM_AHEAD))
            _random = iter([_VARIANT | number >> 2 for number in numbers])
            rest = next(_random)
    return _of(ticks >> 12 << 80 | _VERSION | (ticks & 4095) << 64 | rest)


def from_bytes(raw: "bytes | memoryview[Any]") -> UUID:
    """Return the identifier that the database keeps as these 16 bytes."""
    return _of(int.from_bytes(raw))


def _of(number: int) -> UUID:
    """Return the UUID of a number that is known to be one: its constructor checks what cannot be wrong here.

    That takes four fifths of its time, and a payment makes a dozen.
    """
    made = _make(UUID)
    _set_number(made, number)
    _set_safe(made, _UNKNOWN)
    return made


def _forget_random() -> None:
    """Drop the stock in a forked process: its parent goes on with the same one."""
    global _random  # noqa: PLW0603
    _random = iter(())


os.register_at_fork(after_in_child=_forget_random)


def show(prefix: str, identifier: UUID) -> str:
    """Return the public form, for instance `pay_06f8…`: 26 letters after the prefix."""
    n, pairs, triples = identifier.int, _PAIRS, _TRIPLES
    # Written out: a payment shows a dozen identifiers, and a loop costs twice as much.
    return (
        f"{prefix}_{pairs[n >> 120]}{triples[n >> 105 & 32767]}{triples[n >> 90 & 32767]}{triples[n >> 75 & 32767]}"
        f"{triples[n >> 60 & 32767]}{triples[n >> 45 & 32767]}{triples[n >> 30 & 32767]}{triples[n >> 15 & 32767]}"
        f"{triples[n & 32767]}"
    )


def parse(prefix: str, text: str) -> UUID:
    """Return the identifier that `show(prefix, …)` wrote as `text`; raise BadIdentifier for anything else."""
    letters = text.removeprefix(f"{prefix}_")
    if len(letters) != _LENGTH or len(text) != len(prefix) + 1 + _LENGTH:
        raise BadIdentifier(f"An identifier like {prefix}_… was expected.")
    number = 0
    for letter in letters:
        value = _VALUES.get(letter)
        if value is None:
            raise BadIdentifier(f"An identifier like {prefix}_… was expected.")
        number = number << 5 | value
    if number >> 128:
        raise BadIdentifier(f"An identifier like {prefix}_… was expected.")
    return _of(number)
