"""Every check that needs no database: `make check` runs them all, and so does the test suite, one test each."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

CHECKS: dict[str, list[str]] = {
    "format": [f"{BIN}/ruff", "format", "--check", "--quiet", "."],
    "lint": [f"{BIN}/ruff", "check", "--quiet", "."],
    "types": [f"{BIN}/mypy"],
    "imports": [f"{BIN}/lint-imports", "--no-cache"],
    "django": [sys.executable, "manage.py", "check", "--fail-level", "WARNING"],
    "deploy": [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
    "openapi": [sys.executable, "manage.py", "docs", "--check"],
}

_DEVELOPMENT = {"DEBUG": "1"}
_PRODUCTION = {"DEBUG": "0", "SECRET_KEY": "0123456789" * 6 + "abcdef!", "PUBLIC_URL": "https://pay.example.org"}


def run(name: str) -> subprocess.CompletedProcess[str]:
    """Run one check and return what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"PAYSETTLE_VAR": folder, "JWT_KEYS_FILE": f"{folder}/jwt-keys.json"}
        environment = {**os.environ, **own, **(_PRODUCTION if name == "deploy" else _DEVELOPMENT)}
        if name == "deploy":  # of an installation that has its keys
            keys = [sys.executable, "manage.py", "jwt_keys", "create"]
            subprocess.run(keys, cwd=ROOT, env=environment, capture_output=True, check=True)
        return subprocess.run(CHECKS[name], cwd=ROOT, env=environment, text=True, capture_output=True, check=False)


def main() -> int:
    """Run all checks; print what failed."""
    failed = []
    for name in CHECKS:
        result = run(name)
        sys.stdout.write(f"{name:<12} {'ok' if result.returncode == 0 else 'FAILED'}\n")
        sys.stdout.flush()
        if result.returncode:
            failed.append(name)
            sys.stdout.write(result.stdout + result.stderr + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
