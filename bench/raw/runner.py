"""Runs the raw programs against an installation."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.site import ROOT, Site, Void

PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class RawPoint:
    """What a program has reached."""

    connections: int
    payments_per_s: float
    transaction_p50_ms: float
    acknowledged: int
    retries: int


def run(
    site: Site,
    texts: dict[str, str],
    *,
    program: str,
    seconds: float,
    batch: int = 1,
    hot: bool = False,
    connections: int,
) -> RawPoint:
    """Run a program for some seconds over so many connections."""
    url = urlsplit(site.database_url)
    plan = {
        "program": program,
        "batch": batch,
        "connections": connections,
        "seconds": seconds,
        "hot": hot,
        "host": url.hostname,
        "port": url.port,
        "database": url.path.removeprefix("/"),
        "people": [(person.party, person.account) for person in site.people],
        "texts": texts,
    }
    path = site.folder / "plan.json"
    path.write_text(json.dumps(plan))
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "bench.raw", str(path)],
        cwd=ROOT,
        env={**os.environ, **site.driver.environment},
        text=True,
        capture_output=True,
        timeout=seconds + PATIENCE_S,
        check=False,
    )
    if done.returncode:
        raise Void(f"The raw program {program} failed: {done.stderr[-1500:]}")
    return RawPoint(connections=connections, **json.loads(done.stdout))
