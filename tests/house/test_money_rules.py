"""docs/money-rules.md is true: every rule names a function that names the rule, constraints and tests that exist."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
RULES = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in (ROOT / "docs" / "money-rules.md").read_text().splitlines()
    if line.startswith("| MR")
]


def test_the_numbers_have_no_gap() -> None:
    assert [rule[0] for rule in RULES] == [f"MR{n}" for n in range(1, len(RULES) + 1)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0])
def test_the_function_names_the_rule(rule: list[str]) -> None:
    number, _, function, _, _ = rule
    path, name = re.findall(r"`([^`]+)`", function)
    text = (ROOT / path).read_text()
    assert re.search(rf"(class|def) {name}\b", text), f"{path} has no {name}"
    assert re.search(rf"\b{number}\b", text), f"{path} does not name {number}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0])
def test_the_constraints_exist(rule: list[str]) -> None:
    paths = [path for pattern in ("models.py", "models/*.py") for path in ROOT.glob(f"paysettle/*/{pattern}")]
    models = "".join(path.read_text() for path in paths)
    for name in re.findall(r"`(\w+_\w+)`", rule[3]):
        assert name in models


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0])
def test_the_test_exists(rule: list[str]) -> None:
    (path,) = re.findall(r"`([^`]+)`", rule[4])
    assert "def test_" in (ROOT / path).read_text()
