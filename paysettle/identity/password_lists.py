"""Passwords that others have tried: common ones, what is made of them, and a list of breached ones.

Lists name short passwords for the most part, and people make them long enough: `Password2024!`, `qwertyqwerty`. So what
counts is what is left without digits and signs at both ends, with letters for the signs that stand for them, and once
instead of several times. Each of Django's 20,000 common passwords stands for all of these.
"""

import re
import unicodedata
from functools import lru_cache
from hashlib import sha1
from itertools import takewhile
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from paysettle.identity import personal
from paysettle.identity.models import User

PART_LENGTH_MIN = 4
"""How many characters must be left of a password without what it repeats, counts up, or has around it."""

OWN_LENGTH_MIN = 8
"""How many characters a password has at least beside the words that belong to its place and person."""

_LOOK_ALIKES = str.maketrans("013457@$!|", "oieastasil")
_TAIL = re.compile(r"[\W\d_]+$")
_ENDS = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_KEYS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
_RUN_MIN = 4


class CommonPasswords:
    """Refuses common passwords and what is made of them."""

    def validate(self, password: str, user: User | None = None) -> None:  # noqa: ARG002 - Django's signature
        """Raise ValidationError for a password that whoever guesses tries early."""
        forms = _forms(password)
        if min(map(len, forms)) < PART_LENGTH_MIN or any(form in _common() for form in forms):
            raise ValidationError(self.get_help_text(), code="password_too_common")

    def get_help_text(self) -> str:
        """Return what is asked for."""
        return "The password must not be a common one, nor one with digits and signs added."


class WordsOfThePlace:
    """Refuses what is little more than the name of this service, or the person's own handle or address."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError if too little is left without these words."""
        plain = _plain(password)
        left = plain
        for word in sorted(_words(user), key=len, reverse=True):
            left = left.replace(word, "")
        if left != plain and len(left) < OWN_LENGTH_MIN:
            raise ValidationError(self.get_help_text(), code="password_too_similar")

    def get_help_text(self) -> str:
        """Return what is asked for."""
        return f"Beside your name, your address and ours there must be {OWN_LENGTH_MIN} characters or more."


class BreachedPasswords:
    """Refuses what stands in the file BREACHED_PASSWORDS_FILE, if there is one: no service is asked.

    The file has lines `SHA-1 in capital hex:count`, sorted, as the public collections of breached passwords are.
    """

    def validate(self, password: str, user: User | None = None) -> None:  # noqa: ARG002
        """Raise ValidationError for a password that is in the file."""
        path = settings.BREACHED_PASSWORDS_FILE
        digest = sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        if path and _stands_in(Path(path), digest.encode()):
            raise ValidationError(self.get_help_text(), code="password_breached")

    def get_help_text(self) -> str:
        """Return what is asked for."""
        return "The password must not be known from a breach."


def _plain(password: str) -> str:
    """Return a password in small letters, those of other widths and shapes made plain ones."""
    return unicodedata.normalize("NFKC", password).casefold()


def _forms(password: str) -> set[str]:
    """Return a password, and what it may have been made of."""
    plain = _plain(password).strip()
    tail = len(plain) - len(_TAIL.sub("", plain))
    # A common one may end in digits itself, so it is sought with each part of the tail.
    found = {plain[: len(plain) - cut] for cut in range(tail + 1)} | {_ENDS.sub("", plain)}
    found |= {form.translate(_LOOK_ALIKES) for form in found}
    # Signs at the ends may stand for letters or be mere decoration: `p@ssw0rd2024!` has both.
    found |= {_ENDS.sub("", form) for form in found}
    found |= {re.sub(r"[\W_]+", "", form) for form in found}
    return found | {_once(form) for form in found} | {_without_runs(plain)}


def _once(text: str) -> str:
    """Return the shortest text that a text repeats: `abc` for `abcabcabc`."""
    return text[: (text + text).index(text, 1)] if text else ""


def _without_runs(text: str) -> str:
    """Return a text without what are neighbours on the keyboard or in the alphabet, forwards or backwards."""
    runs = [keys[::step] for keys in _KEYS for step in (1, -1)]
    left, at = "", 0
    while at < len(text):
        length = max(_run(text[at:], keys) for keys in runs)
        left += "" if length >= _RUN_MIN else text[at]
        at += length if length >= _RUN_MIN else 1
    return left


def _run(text: str, keys: str) -> int:
    start = keys.find(text[0])
    if start < 0:
        return 0
    pairs = zip(text, keys[start:], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)


def _words(user: User | None) -> set[str]:
    ours = {"paysettle", *(urlsplit(settings.PUBLIC_URL).hostname or "").split(".")}
    theirs = set() if user is None else _parts_of(user)
    return {word.casefold() for word in ours | theirs if len(word) > 2}


def _parts_of(user: User) -> set[str]:
    address = personal.email_of(user)
    return {user.username, *re.split(r"[^\w]+", address), address}


def _stands_in(path: Path, digest: bytes) -> bool:
    """Look a digest up in a sorted file by halving it: a file of many gigabytes takes some forty reads."""
    with path.open("rb") as file:
        low, high = 0, path.stat().st_size
        while low < high:
            middle = (low + high) // 2
            line = _line_after(file, middle)
            if line and line[: len(digest)] < digest:
                low = middle + 1
            else:
                high = middle
        return _line_after(file, low)[: len(digest)] == digest


def _line_after(file: IO[bytes], position: int) -> bytes:
    """Return the first whole line that begins at a position or after it, b"" if there is none."""
    file.seek(max(position - 1, 0))
    if position:
        file.readline()
    return file.readline()
