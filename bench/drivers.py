"""Two drivers side by side: mysqlclient (C, optional) and PyMySQL (Python, always there).

The settings take mysqlclient when it can be imported. A run needs both, so mysqlclient is built into a cache folder of
its own and put in front of the path of those processes that are to use it; the virtual environment stays as it is.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from devservers.commands import CommandFailed, essence, run
from devservers.errors import Unavailable
from devservers.fetch import fetch

VERSION = "2.3.2"
BUILD_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver, and the folder that makes a process use it."""

    name: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it."""
        return {"PYTHONPATH": str(self.folder)}


def mysqlclient() -> Driver:
    """Return the C driver, built the first time. Raises Unavailable without a compiler, pkg-config or libmariadb."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    folder = fetch(f"mysqlclient-{VERSION}-{tag}", _build, what=f"mysqlclient {VERSION}")
    return Driver(f"mysqlclient {VERSION}", folder)


def pymysql(scratch: Path) -> Driver:
    """Return the Python driver; a module in `scratch` hides the other one, should it be installed."""
    from pymysql import __version__ as version

    folder = scratch / "without-mysqlclient"
    folder.mkdir(exist_ok=True)
    (folder / "MySQLdb.py").write_text('raise ImportError("hidden, so that PyMySQL is measured")\n')
    return Driver(f"PyMySQL {version}", folder)


def _build(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    try:
        run([*map(str, command), f"mysqlclient=={VERSION}"], timeout_s=BUILD_TIMEOUT_S)
    except CommandFailed as failure:
        needs = "it needs a C compiler, pkg-config and libmariadb-dev"
        raise Unavailable(f"mysqlclient cannot be built ({needs}): {essence(failure.output)}.") from failure
