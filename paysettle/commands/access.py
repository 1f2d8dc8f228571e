"""The access table: what `docs/access.toml` says of each operation and each kind of caller, and how it is shown.

The file is written by hand. Tests send every row of it; this module reads it for them and for `docs/access.md`, and
holds it against the OpenAPI document, so that no operation is without a row.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paysettle.identity.roles import Permission, Role, StaffPermission, StaffRole

ANY_ROLE = "any"
"""What an operation needs that every member may do."""

STAFF = "staff"
"""Every member of staff, where a row differs from its scope."""

_METHODS = ("get", "post", "put", "patch", "delete")

_HEAD = """\
# Access

Who may call which operation, and what everybody else is told. The table is [access.toml](access.toml), written and
reviewed by hand; `tests/permissions` send every row of it, each with ids that somebody else made, and where people sign
in with what was made for somebody else. This page is written by `make docs`.

**yes**: the operation is carried out. **own**: it is carried out, and the answer holds nothing of anybody else.
**-**: there is no such call. Anything else is the status and the code of the refusal; **no** is `403 not_permitted`.
"""


class AccessTableWrong(ValueError):
    """The access table does not fit the API or itself; the message says where."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the API as the OpenAPI document has it."""

    name: str
    method: str
    path: str
    permission: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """What the table says of one operation; `but` holds answers that differ from those of its scope."""

    scope: str
    needs: str | None = None
    foreign: str | None = None
    but: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """The access table, as it is written."""

    callers: Mapping[str, str]
    permissions: Mapping[str, frozenset[str]]
    key_scopes: frozenset[str]
    scopes: Mapping[str, Mapping[str, str]]
    rows: Mapping[str, Row]
    staff_permissions: Mapping[str, frozenset[str]]
    staff_pages: Mapping[str, str]

    def expected(self, operation: str, caller: str) -> str | None:
        """Return what a caller is told: "yes", "own", or a status with its code; None if there is no such call."""
        row = self.rows[operation]
        scope = self.scopes[row.scope]
        of_staff = row.but.get(STAFF) if caller.startswith(f"{STAFF}_") else None
        said = row.but.get(caller) or of_staff or scope.get(caller) or scope["otherwise"]
        if said == "foreign":
            said = row.foreign or ""
        elif said == "role":
            said = "yes" if self.allows(caller, row.needs) else "403 not_permitted"
        elif said in {"key", "no key"}:
            said = self._of_a_key(row.needs, has_scope=said == "key")
        return None if said == "-" else said

    def _of_a_key(self, needed: str | None, *, has_scope: bool) -> str:
        if needed == ANY_ROLE:
            return "403 person_only"
        return "yes" if has_scope and needed in self.key_scopes else "403 scope_missing"

    def allows(self, role: str, needed: str | None) -> bool:
        """Tell whether a role of a party is enough for what an operation needs."""
        return needed == ANY_ROLE or (needed is not None and role in self.permissions[needed])

    def opens(self, staff_role: str, page: str) -> bool:
        """Tell whether a page of the staff is for a staff role."""
        needed = self.staff_pages[page]
        return needed == ANY_ROLE or staff_role in self.staff_permissions[needed]


def read(path: Path) -> Table:
    """Return the table in a file. Raises AccessTableWrong if it does not fit together."""
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    table = Table(
        callers=said["callers"],
        permissions={name: frozenset(held_by) for name, held_by in said["permissions"].items()},
        key_scopes=frozenset(said["key_scopes"]["scopes"]),
        scopes=said["scopes"],
        rows={name: Row(**row) for name, row in said["operations"].items()},
        staff_permissions={name: frozenset(held_by) for name, held_by in said["staff_permissions"].items()},
        staff_pages=said["staff_pages"],
    )
    for problem in _contradictions(table):
        raise AccessTableWrong(problem)
    return table


def operations(openapi: Mapping[str, Any]) -> list[Operation]:
    """Return the operations of an OpenAPI document."""
    return [
        Operation(operation["operationId"], method.upper(), path, operation.get("x-permission"))
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
        if method in _METHODS
    ]


def check(table: Table, openapi: Mapping[str, Any]) -> None:
    """Raise AccessTableWrong unless the table has a row for each operation, with its permission, and no other row."""
    found = {operation.name: operation for operation in operations(openapi)}
    missing, unknown = found.keys() - table.rows.keys(), table.rows.keys() - found.keys()
    if missing or unknown:
        raise AccessTableWrong(f"Operations without a row: {sorted(missing)}. Rows without one: {sorted(unknown)}.")
    for name, row in table.rows.items():
        if row.needs != found[name].permission:
            raise AccessTableWrong(f"{name} needs {found[name].permission}, the table says {row.needs}.")


def page(table: Table, openapi: Mapping[str, Any]) -> str:
    """Return the table as Markdown. Raises AccessTableWrong."""
    check(table, openapi)
    found = operations(openapi)
    parts = [_HEAD, "## Callers\n", *_callers(table)]
    for scope, said in table.scopes.items():
        of_scope = [operation for operation in found if table.rows[operation.name].scope == scope]
        parts += [f"\n## {said['says']}\n", *_operations(table, of_scope)]
    parts += ["\n## The staff's pages\n", *_staff(table)]
    return "\n".join(parts) + "\n"


def _callers(table: Table) -> Iterator[str]:
    yield "| Caller | Who that is |"
    yield "| --- | --- |"
    for caller, meaning in table.callers.items():
        yield f"| {caller} | {meaning} |"


def _operations(table: Table, found: list[Operation]) -> Iterator[str]:
    """Show what is the same for all operations of a scope as lines, and what differs as columns."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for caller in table.callers:
        answers = tuple(_shown(table.expected(operation.name, caller)) for operation in found)
        alike.setdefault(answers, []).append(caller)
    columns = {", ".join(callers): answers for answers, callers in alike.items()}
    constant = {callers: answers[0] for callers, answers in columns.items() if len(set(answers)) == 1}
    for callers, answer in constant.items():
        yield f"- {callers}: {answer}"
    varying = {callers: answers for callers, answers in columns.items() if callers not in constant}
    yield ""
    yield "| " + " | ".join(["Operation", "Request", "Needs", *varying]) + " |"
    yield "| --- " * (3 + len(varying)) + "|"
    for number, operation in enumerate(found):
        cells = [answers[number] for answers in varying.values()]
        needs = table.rows[operation.name].needs or "-"
        yield "| " + " | ".join([operation.name, f"`{operation.method} {operation.path}`", needs, *cells]) + " |"


def _staff(table: Table) -> Iterator[str]:
    yield "A page, or what is done there, and the staff roles it is for. No staff role opens anything of the API."
    yield ""
    yield "| " + " | ".join(["Page", "Needs", *StaffRole]) + " |"
    yield "| --- " * (2 + len(StaffRole)) + "|"
    for name, needed in table.staff_pages.items():
        cells = ["yes" if table.opens(role, name) else "no" for role in StaffRole]
        yield "| " + " | ".join([name, needed, *cells]) + " |"


def _shown(answer: str | None) -> str:
    return {None: "-", "403 not_permitted": "no"}.get(answer, answer or "")


def _contradictions(table: Table) -> Iterator[str]:
    if table.permissions.keys() != set(Permission) or table.staff_permissions.keys() != set(StaffPermission):
        yield "The table does not name the permissions that there are."
    if not set().union(*table.permissions.values()) <= set(Role):
        yield "A permission is held by roles that do not exist."
    if not set().union(*table.staff_permissions.values()) <= set(StaffRole):
        yield "A staff permission is held by staff roles that do not exist."
    if not set(table.staff_pages.values()) <= {ANY_ROLE, *table.staff_permissions}:
        yield "A page of the staff needs a permission that does not exist."
    yield from _of_scopes(table)
    yield from _of_rows(table)


def _of_scopes(table: Table) -> Iterator[str]:
    for name, scope in table.scopes.items():
        unknown = scope.keys() - table.callers.keys() - {"says", "otherwise"}
        left_out = table.callers.keys() - scope.keys()
        if unknown or (left_out and "otherwise" not in scope):
            yield f"The scope {name} names callers that do not exist ({unknown}) or leaves some out ({left_out})."


def _of_rows(table: Table) -> Iterator[str]:
    for name, row in table.rows.items():
        if not row.but.keys() <= table.callers.keys() | {STAFF}:
            yield f"The row of {name} names callers that do not exist."
        if row.foreign is None and "foreign" in table.scopes.get(row.scope, {}).values():
            yield f"The row of {name} does not say what foreign ids are answered with."
        if row.scope not in table.scopes or (row.needs not in {None, ANY_ROLE} and row.needs not in table.permissions):
            yield f"The row of {name} names a scope or a permission that does not exist."
