"""Each import contract breaks when the import it forbids is planted: a contract that cannot fail protects nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]

PLANTED = {
    "layers": ("paysettle/kernel/money.py", "import paysettle.ledger.chart"),
    "one-door-to-the-money": ("paysettle/payments/queries.py", "import paysettle.ledger.models"),
    "http-calls-operations": ("paysettle/payments/api/payments.py", "import paysettle.ledger.posting"),
    "operations-know-no-http": ("paysettle/payments/operations/send.py", "import paysettle.api.problems"),
    "notifications-know-only-events": ("paysettle/notifications/apps.py", "import paysettle.ledger.queries"),
    "rules-are-plain-python": ("paysettle/settlements/rules.py", "import django.db"),
}


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks_it(contract: str, tmp_path: Path) -> None:
    copy = tmp_path / "tree"
    ignore = shutil.ignore_patterns(".venv", ".git", "var", "__pycache__", ".*_cache")
    for name in ("paysettle", "config"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", copy)
    file, line = PLANTED[contract]
    (copy / file).write_text((copy / file).read_text() + f"\n{line}\n")
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--contract", contract],
        cwd=copy,
        text=True,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 1, result.stdout
    assert "BROKEN" in result.stdout


def test_every_contract_is_tried() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert {line.split('"')[1] for line in text.splitlines() if line.startswith("id = ")} == set(PLANTED)
