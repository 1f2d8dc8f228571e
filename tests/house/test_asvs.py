"""The rows of `docs/asvs.toml` are complete, and each says how it is shown, by tests that exist and have passed."""

import ast
import os
import subprocess
import sys

import pytest

from tests import asvs
from tests.server import ROOT

pytestmark = pytest.mark.once

LEVELS_1_AND_2 = {
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3, "9.2": 4,
}  # fmt: skip
"""How many requirements of level 1 and 2 a section of ASVS 5.0.0 has: its first ones."""

LEVEL_3 = {"6.3.7", "6.3.8", "7.5.3", "8.3.2"}
SAYS = {"shown_by", "review", "not_applicable"}


def test_every_requirement_has_a_row() -> None:
    wanted = {f"{section}.{n}" for section, count in LEVELS_1_AND_2.items() for n in range(1, count + 1)} | LEVEL_3
    assert set(asvs.rows()) == wanted
    assert {number for number, row in asvs.rows().items() if row["level"] == 3} == LEVEL_3


def test_every_row_says_how_it_is_shown() -> None:
    for number, row in asvs.rows().items():
        assert row.keys() <= {"level", "asks"} | SAYS, number
        assert "shown_by" in row, number
        assert ("not_applicable" in row) <= (row.keys() & SAYS == {"not_applicable", "shown_by"}), number
        assert all(row.values()), number


def test_the_tests_exist() -> None:
    for test in asvs.named():
        path, *_, name = test.split("::")
        found = ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        assert name in {node.name for node in found if isinstance(node, ast.FunctionDef)}, test


def test_control_a_whole_run_without_the_tests_that_are_named_fails() -> None:
    """The run of a suite that is this small is a run of everything, and has passed none of them."""
    small = "testpaths=paysettle/kernel/tests/test_money.py"
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", small],
        cwd=ROOT,
        env={**os.environ, "TEST_DB": "sqlite"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert "failed" not in result.stdout
    for test in asvs.named():
        assert f"docs/asvs.toml names a test that has not passed: {test}" in result.stdout
