"""Ends a server whose owner died without stopping it. Run by file name beside each server; reads stdin until a goodbye.

Arguments: an open process descriptor of the server, and the folder to remove after it.
"""

import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path


def main(descriptor: int, folder: Path) -> None:
    """Wait for the owner. One byte is its goodbye; the end of the pipe without one means that it died."""
    if sys.stdin.buffer.read(1):
        return
    if sys.platform == "linux":
        # By descriptor, not by number: a number could meanwhile belong to another process.
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
