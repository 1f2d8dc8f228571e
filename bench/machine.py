"""What a run ran on: without it no figure means anything."""

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

FSYNC_ROUNDS = 400
_BLOCK = b"x" * 4096


def facts(folder: Path) -> dict[str, Any]:
    """Return cores, memory, CPU, kernel, Python, and what an fsync costs where the data will lie."""
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "cpu": _cpu_model(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "fsync_4k_p50_us": fsync_us(folder),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def fsync_us(folder: Path) -> int:
    """Return the median time of `fdatasync` after appending 4 KiB to a file in this folder, in microseconds."""
    took_s = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(FSYNC_ROUNDS):
            file.write(_BLOCK)
            file.flush()
            began_s = time.perf_counter()
            os.fdatasync(file.fileno())
            took_s.append(time.perf_counter() - began_s)
    return round(statistics.median(took_s) * 1_000_000)


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
