"""The cache folder, filled once and shared by every run of every process of this user.

A finished folder is never touched again: delete it to fetch anew.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devservers import commands
from devservers.errors import Interrupted, Unavailable

DONE = "done"
ATTEMPTS = 2


def cache_folder() -> Path:
    """Return `$PAYSETTLE_CACHE`, else `~/.cache/paysettle`; it need not exist. Raises Unavailable without a home."""
    chosen = os.environ.get("PAYSETTLE_CACHE") or "~/.cache/paysettle"
    try:
        return Path(chosen).expanduser().absolute()
    except RuntimeError as error:
        raise Unavailable(
            "There is no place for a cache: this user has no home, and PAYSETTLE_CACHE is not set."
        ) from error


def fetched(name: str) -> Path | None:
    """Return the cache folder `name` if it was filled to the end before, else None."""
    folder = cache_folder() / name
    return folder if (folder / DONE).exists() else None


def fetch(name: str, fill: Callable[[Path], None], *, what: str) -> Path:
    """Return the cache folder `name`, first calling `fill(new_folder)` if no process has done so yet.

    `fill` raises Unavailable when it cannot; it is then tried once more. Raises Unavailable, or Interrupted.
    """
    if done := fetched(name):
        return done
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _lock(cache / f"{name}.lock"):
            # Another process may have finished while we waited for the lock.
            if done := fetched(name):
                return done
            print(f"Fetching {what} into {cache / name} (first time only)", file=sys.stderr, flush=True)
            return _fill(cache / name, fill)
    except OSError as error:
        raise Unavailable(f"The cache folder {cache} cannot be filled: {error.strerror or error}.") from error


def _fill(folder: Path, fill: Callable[[Path], None]) -> Path:
    part = folder.with_name(folder.name + ".part")
    for attempt in range(1, ATTEMPTS + 1):
        # Whatever is there was left by a process that died in the middle.
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        part.mkdir()
        try:
            fill(part)
            break
        except Unavailable:
            if attempt == ATTEMPTS:
                shutil.rmtree(part, ignore_errors=True)
                raise
    (part / DONE).touch()
    part.rename(folder)
    return folder


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock that the system releases by itself if this process dies."""
    if sys.platform == "win32":
        raise Unavailable("Servers are fetched on Linux and macOS only.")
    import fcntl  # not on Windows

    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if commands.interrupted.is_set():
                    raise Interrupted from None
                time.sleep(commands.POLL_S)
        yield
