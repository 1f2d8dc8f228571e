"""Run the suite on SQLite with every other supported Python that is on PATH; part of `make test-long`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")


def main() -> int:
    """Return how many Pythons the suite has failed on; say which were tried and which are not here."""
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    verdicts = {version: _try(version) for version in SUPPORTED if version != mine}
    for version, verdict in verdicts.items():
        sys.stdout.write(f"Python {version}: {verdict}\n")
    return sum(verdict == "FAILED" for verdict in verdicts.values())


def _try(version: str) -> str:
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", "import ensurepip"], check=False).returncode:
        return "not here"
    folder = ROOT / ".cache" / f"venv-{version}"
    run = folder / "bin" / "python"
    if not run.exists():
        subprocess.run([python, "-m", "venv", folder], check=True)
    lock = ROOT / "requirements-dev.lock"
    subprocess.run([run, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", lock], check=True)
    environment = {**os.environ, "TEST_DB": "sqlite"}
    result = subprocess.run([run, "-m", "pytest", "-q"], cwd=ROOT, env=environment, check=False)
    return "FAILED" if result.returncode else "passed"


if __name__ == "__main__":
    sys.exit(main())
