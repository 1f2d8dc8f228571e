"""House rules that no linter knows."""

import re
import subprocess
from pathlib import Path

import pytest

from paysettle.commands.documents import every_error

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
CODE = [path for folder in ("paysettle", "config") for path in (ROOT / folder).rglob("*.py")]
PRODUCT = [path for path in CODE if "tests" not in path.parts and "migrations" not in path.parts]

# Nothing but the helper opens a transaction around what matters, or hooks work onto a commit; money meets no float.
FORBIDDEN = {
    r"\batomic\(": {"paysettle/kernel/transactions.py"},
    r"\bon_commit\b": set(),
    r"\bfloat\(|FloatField|DecimalField": set(),
    r"ATOMIC_REQUESTS": set(),
    r"apps\.get_model\(": set(),
    r"\bpost_save\b|\bpre_save\b|@receiver": set(),
    # By position it is an index on expressions, which MariaDB does not have: Django would leave it out in silence.
    r"UniqueConstraint\(\s*\"": set(),
    # What registers say of organisations goes through one module.
    r"\bOrganisation\.objects\b": {"paysettle/identity/personal.py"},
    r"fields = \"__all__\"|\bexclude = ": set(),
}
DEEP = [path for path in PRODUCT if {"operations", "kernel", "ledger"} & set(path.parts) or path.name == "queries.py"]


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_it_stands_nowhere_but_where_it_may(pattern: str) -> None:
    found = {str(path.relative_to(ROOT)) for path in PRODUCT if re.search(pattern, path.read_text(encoding="utf-8"))}
    assert found <= FORBIDDEN[pattern]


def test_operations_know_no_http() -> None:
    """The import contract cannot name a part of Django."""
    pattern = r"(?:from|import) django\.(?:http|views|urls)\b"
    assert [path for path in DEEP if re.search(pattern, path.read_text(encoding="utf-8"))] == []
    assert re.search(pattern, "import django.http")


def test_every_setting_is_documented() -> None:
    text = (ROOT / "config" / "settings.py").read_text()
    named = set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", text))
    documented = set(re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named - documented == set()
    assert documented - named == {"PAYSETTLE_ADMIN_PASSWORD"}  # read by a command alone


def test_error_codes_are_unique() -> None:
    codes = [error.code for error in every_error()]
    assert sorted(codes) == sorted(set(codes))


def test_lock_files_name_no_host() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        assert "://" not in lock.read_text()
        assert "--hash=sha256:" in lock.read_text()


def test_every_file_is_committed_or_ignored() -> None:
    """A file that somebody forgot would make the tests pass here and fail on a clean clone."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    result = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"], cwd=ROOT, text=True, capture_output=True, check=True
    )
    assert [line for line in result.stdout.splitlines() if line.endswith((".py", ".html", ".md"))] == []
