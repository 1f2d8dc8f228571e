"""What a handle may be, and which handles look alike. Plain Python.

A handle is written in ASCII alone, so no letter of another alphabet can stand in for one of ours. What is left are
look-alikes within ASCII: `paul` and `pau1`, `corner` and `comer`, `padaria` and `pa-daria`. Two handles look alike
when their skeletons are the same, which is the idea of UTS #39 (Unicode Security Mechanisms), section 4; the database
holds skeletons unique.
"""

import re

HANDLE = re.compile(r"[a-z0-9][a-z0-9._-]{1,28}[a-z0-9]")
"""A handle: 3 to 30 of a-z, 0-9, dot, hyphen and underscore, beginning and ending with a letter or digit."""

SKELETON_LENGTH_MAX = 60
"""Every character of a handle becomes two at most."""

_LOOKS_LIKE_AN_ID = re.compile(r"[a-z]{3}_[a-z0-9]{26}")
# Spelt out rather than drawn together, so that `m` and `rn` meet whatever stands beside them.
_PROTOTYPES = str.maketrans({"0": "o", "1": "l", "i": "l", "m": "rn", "w": "vv", ".": None, "-": None, "_": None})


def is_handle(text: str) -> bool:
    """Tell whether a text may become a handle: it has the form of one and cannot be mistaken for a `par_…` id."""
    return HANDLE.fullmatch(text) is not None and _LOOKS_LIKE_AN_ID.fullmatch(text) is None


def skeleton(handle: str) -> str:
    """Return what a handle looks like: the same for all that are easily taken for each other."""
    return handle.translate(_PROTOTYPES)
