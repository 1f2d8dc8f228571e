"""Runs a load against a server and reads what came of it."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.site import ROOT, Server, Site, Void
from devservers.debian import Recipe, unpacked
from devservers.errors import Unavailable
from devservers.sql import loader

WRK = Recipe("wrk", suite="trixie", packages=("wrk",), tools=True)
SCRIPT = Path(__file__).with_name("payments.lua")
WARM_S = 0.5
"""How much of the beginning does not count: connections open, caches fill."""

PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Point:
    """What a load has measured."""

    connections: int
    payments_per_s: float
    p50_ms: float
    p99_ms: float
    acknowledged: int


class Generator:
    """wrk if it is installed or can be fetched, else our own."""

    def __init__(self) -> None:
        self._wrk, self.name = _find_wrk()
        self._runs = 0

    def pay(
        self, site: Site, server: Server, *, connections: int, seconds: float, hot: bool = False, rate: float = 0
    ) -> tuple[Point, Path]:
        """Pay for some seconds; return what was measured and the log of what the client was told.

        With `hot` everybody pays the same person. With a `rate` the loop is open. Raises Void on any error.
        """
        self._runs += 1
        run = f"run{self._runs}"
        tokens, payees = site.folder / "tokens", site.folder / "payees"
        log = site.folder / f"{run}.log"
        # The one whom everybody pays when hot, does not pay.
        tokens.write_text("\n".join(site.call("access_tokens")[1 if hot else 0 :]) + "\n")
        payees.write_text("\n".join(person.handle for person in site.people[: 1 if hot else None]) + "\n")
        files = [str(tokens), str(payees), str(log), run, str(rate)]
        done = subprocess.run(  # noqa: S603 - our own programs
            self._command(server, connections, seconds, files),
            cwd=ROOT,
            text=True,
            capture_output=True,
            timeout=seconds + PATIENCE_S,
            check=False,
        )
        errors = re.search(r"^errors (\d+)$", done.stdout, re.MULTILINE)
        if done.returncode or errors is None or int(errors[1]):
            raise Void(f"The load generator failed: {done.stdout[-500:]} {done.stderr[-500:]}")
        return read(log, connections), log

    def _command(self, server: Server, connections: int, seconds: float, files: Sequence[str]) -> list[str]:
        if not self._wrk:
            return [sys.executable, "-m", "bench.load.sockets", server.address, str(connections), str(seconds), *files]
        options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(SCRIPT)]
        return [*self._wrk, *options, f"{server.address}/api/v1/payments", "--", *files]


def read(log: Path, connections: int) -> Point:
    """Return what the log of a load says, without its first moments. Raises Void if anything was refused."""
    latencies_us: list[int] = []
    ends_s: list[float] = []
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("!"):
                raise Void(f"A payment was refused: {line.strip()}")
            told = json.loads(line)
            latencies_us.append(told["us"])
            ends_s.append(told["at"])
    if not ends_s:
        raise Void("Nothing was acknowledged.")
    first_s = ends_s[0] + WARM_S
    counted = sorted(us for us, end_s in zip(latencies_us, ends_s, strict=True) if end_s >= first_s)
    if not counted:
        raise Void("The load ended before it was warm.")
    return Point(
        connections=connections,
        payments_per_s=round(len(counted) / (ends_s[-1] - first_s), 1),
        p50_ms=_percentile_ms(counted, 50),
        p99_ms=_percentile_ms(counted, 99),
        acknowledged=len(ends_s),
    )


def _percentile_ms(sorted_us: Sequence[int], percent: int) -> float:
    return round(sorted_us[min(len(sorted_us) - 1, len(sorted_us) * percent // 100)] / 1000, 3)


def _find_wrk() -> tuple[list[str], str]:
    installed = shutil.which("wrk")
    if installed is not None:
        return [installed], "wrk"
    try:
        root = unpacked(WRK)
        return [*loader(root), str(root / "usr/bin/wrk")], "wrk"
    except Unavailable as reason:
        return [], f"our own sockets ({reason.reason})"
