"""House rules that no linter knows."""

import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_pin_every_extra_that_is_asked_for(lock: str) -> None:
    """Asked for `name[extra]` and given `name==1`, pip takes the newest release for a candidate, and refuses it."""
    pinned = {canonicalize_name(found.name): found for found in _pinned(lock)}
    asked = [
        one
        for name, found in pinned.items()
        if found.marker is None or found.marker.evaluate()
        for one in map(Requirement, metadata.requires(name) or ())
        if one.extras and any(_applies(one, extra) for extra in ("", *found.extras))
    ]
    assert [str(one) for one in asked if not one.extras <= pinned[canonicalize_name(one.name)].extras] == []
    assert "pyjwt" in {canonicalize_name(one.name) for one in asked}  # or nothing was tested


def test_the_image_has_what_is_tested_here() -> None:
    image = {str(found) for found in _pinned("requirements-image.lock")}
    assert {str(found) for found in _pinned("requirements.lock")} < image
    assert {str(found) for found in _pinned("requirements-dev.lock") if found.name == "redis"} < image


def _pinned(lock: str) -> list[Requirement]:
    lines = re.findall(r"^[a-z0-9].*==.*$", (ROOT / lock).read_text(), re.MULTILINE)
    return [Requirement(line.rstrip(" \\")) for line in lines]


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def test_every_file_is_committed_or_ignored() -> None:
    """A file that somebody forgot would make the tests pass here and fail on a clean clone."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    result = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"], cwd=ROOT, text=True, capture_output=True, check=True
    )
    assert [line for line in result.stdout.splitlines() if line.endswith((".py", ".html", ".md"))] == []
