"""Every code of a field that the program can answer stands in `docs/errors.md`, and no other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from paysettle.commands.field_codes import FIELD_CODES

pytestmark = pytest.mark.once

SLICES = Path(__file__).resolve().parents[2] / "paysettle"
SAY = {"FieldError", "refuse", "_note"}
"""What notes a fault of a field; its second argument is the code."""


def codes(source: str) -> Iterator[str]:
    """Yield the codes that a module says."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            said = node.args[1:2] if called in SAY and len(node.args) > 2 else []
            said += [
                keyword.value for keyword in node.keywords if keyword.arg == "reason" and called == "MalformedBody"
            ]
            yield from (code.value for code in said if isinstance(code, ast.Constant) and isinstance(code.value, str))
        if isinstance(node, ast.ClassDef):
            said = [one.value for one in node.body if isinstance(one, ast.Assign) and _is_reason(one.targets[0])]
            yield from (str(code.value) for code in said if isinstance(code, ast.Constant))


def _is_reason(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "reason"


def test_every_code_is_described() -> None:
    modules = [module for module in SLICES.rglob("*.py") if not {"tests", "migrations"} & set(module.parts)]
    assert {code for module in modules for code in codes(module.read_text(encoding="utf-8"))} == set(FIELD_CODES)


def test_control_a_new_code_is_noticed() -> None:
    assert list(codes('fields.refuse("amount", "too_odd", "Even amounts only.")')) == ["too_odd"]
    assert "too_odd" not in FIELD_CODES
