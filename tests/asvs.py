"""What `docs/asvs.toml` says, and whether a run of the whole suite has passed the tests that it names."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).resolve().parent.parent / "docs" / "asvs.toml"

PASSED: set[str] = set()
"""The tests that have passed in this run, on any database, without their parameters."""


def rows() -> dict[str, dict[str, Any]]:
    """Return the rows by the number of the requirement."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def named() -> set[str]:
    """Return the tests that show something."""
    return {test for row in rows().values() for test in row.get("shown_by", [])}


def note(report: pytest.TestReport) -> None:
    """Remember a test that has passed."""
    if report.when == "call" and report.passed:
        PASSED.add(report.nodeid.partition("[")[0])


def is_whole(session: pytest.Session) -> bool:
    """Tell whether this was a run of everything, seen from where the reports of all databases arrive."""
    config = session.config
    chosen = config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    options = ("keyword", "markexpr", "collectonly", "lf", "deselect")
    chosen = chosen or any(config.getoption(option, default=None) for option in options)
    return not (chosen or hasattr(config, "workerinput") or session.shouldstop or session.shouldfail)


def unshown() -> Iterator[str]:
    """Yield the tests that are named and have not passed."""
    yield from sorted(named() - PASSED)
