"""Does a name that a payer expects agree with the one we have? Plain Python over rapidfuzz.

Names are compared without case, diacritics, punctuation and the order of their words; those of organisations also
without their legal form. What is equal then is a match. A close match is a name with a slip of the pen, with initials,
or without a middle name. Numbers are compared as they are: `Bakery 1` is not `Bakery 2`.
"""

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum

from rapidfuzz import fuzz

CLOSE_SCORE_MIN = 85.0
"""From how many percent of common letters on (twice the common ones, by the letters of both) names are close."""

MORE_EXPECTED_WORDS_MAX = 2
MORE_KNOWN_WORDS_MAX = 4
"""How many words more a name may have than the other, `de la` and the like apart: a list of names would be close to
whoever has some of them."""

# fmt: off
LEGAL_FORMS = frozenset({
    "ab", "ad", "ag", "aps", "as", "asa", "bv", "co", "company", "corp", "corporation", "cv", "doo", "ead", "eg",
    "eirl", "eood", "eurl", "ev", "gesmbh", "gie", "gmbh", "haftungsbeschrankt", "inc", "incorporated", "kft", "kg",
    "kgaa", "lda", "limited", "limitada", "llc", "llp", "lp", "ltd", "ltda", "mbh", "nv", "nyrt", "oe", "ohg", "ood",
    "ou", "oy", "oyj", "plc", "pte", "pty", "pvt", "rt", "sa", "sac", "sagl", "sarl", "sas", "sasu", "sca", "scop",
    "scs", "se", "sia", "sl", "slu", "snc", "spa", "spzoo", "srl", "sro", "uab", "ug", "unipessoal", "vof", "zrt",
})
# fmt: on

_FILLERS = frozenset({"and", "und", "et", "e", "y"})
# fmt: off
_PARTICLES = _FILLERS | {
    "al", "bin", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "dr", "el", "i", "ibn", "la",
    "las", "le", "los", "ten", "ter", "van", "von", "zu", "zum", "zur",
}
# fmt: on
_SPELLED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i", "&": " and "}
)
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_DROPPED = re.compile("[.'`\u2019\u00b4]")
_BETWEEN = re.compile(r"[^\w]+|_")


class Agreement(StrEnum):
    """What a payer is told of the name they expect."""

    MATCH = "match"
    CLOSE_MATCH = "close_match"
    NO_MATCH = "no_match"
    NOT_POSSIBLE = "not_possible"


def compare(expected: str, known: str, *, is_organisation: bool) -> Agreement:
    """Return how far the name that somebody expects agrees with the one that is known ("": not possible)."""
    if not known:
        return Agreement.NOT_POSSIBLE
    pairs = [
        (one, other)
        for one in _spellings(expected, is_organisation=is_organisation)
        for other in _spellings(known, is_organisation=is_organisation)
    ]
    if any(_are_equal(one, other) for one, other in pairs):
        return Agreement.MATCH
    if any(_are_close(one, other) for one, other in pairs):
        return Agreement.CLOSE_MATCH
    return Agreement.NO_MATCH


def _spellings(name: str, *, is_organisation: bool) -> Iterator[list[str]]:
    """Yield the words of a name: with `ü` as `u`, and as `ue`, which is how it is written where it cannot be typed."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())
    for spelled in {folded, folded.translate(_UMLAUTS)}:
        bare = unicodedata.normalize("NFD", spelled.translate(_SPELLED))
        bare = "".join(letter for letter in bare if unicodedata.category(letter) != "Mn")
        words = _BETWEEN.sub(" ", _DROPPED.sub("", bare)).split()
        yield _without_legal_form(words) if is_organisation else words


def _without_legal_form(words: list[str]) -> list[str]:
    """Drop what stands at the end and is no name: `gmbh and co kg`, `sp z oo`; and `and`. Something is always left."""
    words = re.sub(r" sp z o ?o$", " spzoo", " ".join(words)).split()
    end = len(words)
    while end > 1 and words[end - 1] in LEGAL_FORMS | _FILLERS:
        end -= 1
    return [word for word in words[:end] if word not in _FILLERS] or words[:end]


def _are_equal(one: list[str], other: list[str]) -> bool:
    return bool(one) and (sorted(one) == sorted(other) or "".join(one) == "".join(other))


def _are_close(one: list[str], other: list[str]) -> bool:
    """Tell whether the name that is expected (`one`) is close to the one that is known."""
    numbers = [sorted(word for word in words if any(map(str.isdigit, word))) for words in (one, other)]
    if not one or not other or numbers[0] != numbers[1]:
        return False
    if _resemble(" ".join(sorted(one)), " ".join(sorted(other))):
        return True
    more = _weight(one) - _weight(other)
    return -MORE_KNOWN_WORDS_MAX <= more <= MORE_EXPECTED_WORDS_MAX and _is_shorter_form(*sorted([one, other], key=len))


def _weight(words: list[str]) -> int:
    return sum(word not in _PARTICLES for word in words)


def _is_shorter_form(shorter: list[str], longer: list[str]) -> bool:
    """Tell whether each word of one name stands for another word of the other one, at least one of them whole.

    A single word is nobody's name: half of all people would be a close match of `Ana`.
    """
    left = list(longer)
    whole = 0
    for word in sorted(shorter, key=len, reverse=True):
        found = next((one for one in left if _resemble(word, one)), None)
        whole += found is not None
        found = found or next((one for one in left if 1 in {len(word), len(one)} and word[0] == one[0]), None)
        if found is None:
            return False
        left.remove(found)
    return len(shorter) > 1 and whole > 0


def _resemble(one: str, other: str) -> bool:
    return fuzz.ratio(one, other) >= CLOSE_SCORE_MIN
