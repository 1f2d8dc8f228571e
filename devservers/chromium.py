"""Chromium without a window. It is no server: every test starts one of its own, so it is only found and asked."""

import os
import platform
import shutil
import time
from pathlib import Path

from devservers.commands import CommandFailed, essence, run
from devservers.debian import Recipe, unpacked
from devservers.errors import Unavailable

VERSION_TIMEOUT_S = 30
BINARIES = ("chromium", "chromium-browser", "google-chrome", "chrome")

# The machine's own libraries come first: only what it lacks is taken from the packages, which are of the same suite,
# so that the loader and the C library always belong together.
STARTER = """\
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
machine=$(ls -d /lib/*-linux-gnu /usr/lib/*-linux-gnu /lib64 /usr/lib64 2>/dev/null | tr '\\n' ':')
unpacked=$(ls -d "$here"/usr/lib/*-linux-gnu "$here"/lib/*-linux-gnu "$here"/usr/lib/*-linux-gnu/*/ 2>/dev/null |
    tr '\\n' ':')  # some packages keep libraries of theirs in a folder below
export LD_LIBRARY_PATH="$machine$unpacked"
[ -d /etc/fonts ] || export FONTCONFIG_FILE="$here/etc/fonts/fonts.conf"
export XDG_DATA_HOME="$here/usr/share"  # where fontconfig looks for fonts beside those of the machine
exec "$here/usr/lib/chromium/chromium-headless-shell" "$@"
"""


class Chromium:
    """A browser: `TEST_CHROMIUM` in the environment names its program, else one on PATH, else a fetched one."""

    title = "Chromium"
    address_variable = "TEST_CHROMIUM"
    missing_variable = "TEST_CHROMIUM_MISSING"

    def __init__(self) -> None:
        self.version = ""
        self.startup_s = 0.0
        self.address = ""
        self.is_ours = True

    def start(self) -> None:
        """Find it and ask it for its version. Raises Unavailable."""
        began = time.monotonic()
        path = os.environ.get(self.address_variable) or next(filter(None, map(shutil.which, BINARIES)), None)
        self.address = path or str(_fetched())
        try:
            said = run([self.address, "--version", "--no-sandbox"], timeout_s=VERSION_TIMEOUT_S)
        except (CommandFailed, OSError) as failure:
            raise Unavailable(f"{self.address} cannot be run: {essence(str(failure))}.") from failure
        self.version = next((word for word in said.split() if word[0].isdigit()), "")
        if not self.version:
            raise Unavailable(f"{self.address} is no Chromium, it says {essence(said)}.")
        self.startup_s = time.monotonic() - began

    def stop(self) -> None:
        """Do nothing: nothing of it runs."""


def _fetched() -> Path:
    """Return the starter of a fetched Chromium, fetching it first if need be."""
    root = unpacked(Recipe("Chromium", suite=_suite(), packages=("chromium-headless-shell",)))
    starter = root / "chromium"
    if not starter.exists() or starter.read_text() != STARTER:
        part = root / f"chromium.{os.getpid()}"
        part.write_text(STARTER)
        part.chmod(0o755)
        part.rename(starter)
    return starter


def _suite() -> str:
    """Return the suite of this machine: a browser starts programs of its own, which need this machine's C library."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "stable")
    except OSError:
        return "stable"
