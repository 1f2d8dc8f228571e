"""Personal data stand behind one seam: their columns are listed here, and `identity/personal.py` alone touches them.

Two searches, each with the faults it exists to find: through the models, for columns that look personal and are not
listed; and through the syntax of every module, for whoever reads or writes a listed one.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.db import models

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = [
    path
    for folder in ("paysettle", "config")
    for path in (ROOT / folder).rglob("*.py")
    if not {"tests", "migrations"} & set(path.parts)
]
SEAM = "paysettle/identity/personal.py"
AT_HOME = (SEAM, "paysettle/identity/models/")

# fmt: off
PERSONAL_WORDS = {
    "address", "birth", "city", "email", "firstname", "iban", "lastname", "mail", "name", "passport", "phone",
    "postcode", "registration", "street", "surname", "tax", "telephone", "username", "zip",
}
# fmt: on

COLUMNS = {
    "identity.Contact.private_name",
    "identity.Organisation.legal_name",
    "identity.Organisation.registration_number",
    "identity.Profile.full_name",
    "identity.User.email",
    "identity.User.first_name",
    "identity.User.last_name",
}
"""All the personal columns that there are; the two names of Django's stay empty."""

NOT_PERSONAL = {
    "events.EventCursor.name": "of a consumer of events",
    "identity.AddressChange.address_digest": "a keyed digest",
    "identity.ApiKey.name": "of a machine",
    "identity.LoginSession.name": "of a device",
    "identity.Invitation.address_digest": "a keyed digest",
    "identity.Profile.findable_by_email": "a yes or a no",
    "identity.User.username": "the handle, which everybody may know",
    "kernel.ScheduledJob.name": "of a job",
}

DOORS = {
    "paysettle/identity/adapters.py": "allauth's forms, and its own table of addresses",
    "paysettle/identity/forms.py": "the sign-up form, before there is a person",
    "paysettle/identity/operations/addresses.py": "verifies addresses",
    "paysettle/identity/operations/registration.py": "makes the person with the address that was given",
    "paysettle/identity/management/commands/create_admin.py": "the same at the command line",
    "paysettle/identity/api/invitations.py": "reads from the body to whom an invitation goes, or whom to find",
    "paysettle/identity/api/throttled_sign_in.py": "counts the mails to the address that a body names",
    "paysettle/identity/api/strict_bodies.py": "names the fields of allauth's bodies",
    "paysettle/commands/story.py": "the people of the demo, who are invented",
    "config/settings.py": "tells allauth what people sign in with",
}
"""Where e-mail addresses come in, and nothing else that is personal."""

HANDED_OUT = {"legal_name", "registration_number"}
"""Fields of `personal.Registration` as well, which is how the seam hands them out; see the last test."""

NAMES = {column.rpartition(".")[2] for column in COLUMNS} - HANDED_OUT

_QUERIES = {"annotate", "create", "defer", "exclude", "filter", "get", "get_or_create", "only", "order_by", "update"}
_QUERIES |= {"update_or_create", "values", "values_list", "Q", "F", "Contact", "Profile", "User"}


def ours() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("paysettle.")]


def personal_columns(found: list[type[models.Model]]) -> set[str]:
    """Return the columns of models whose names look personal."""
    return {
        f"{model._meta.label}.{field.name}"
        for model in found
        for field in model._meta.concrete_fields
        if PERSONAL_WORDS & set(field.name.split("_"))
    }


def test_every_column_that_looks_personal_is_listed_and_belongs_to_identity() -> None:
    assert personal_columns(ours()) == COLUMNS | NOT_PERSONAL.keys()
    assert {column.partition(".")[0] for column in COLUMNS} == {"identity"}


@pytest.mark.parametrize("name", ["phone", "billing_address", "legal_name", "iban", "date_of_birth", "email"])
def test_control_a_planted_column_is_noticed(name: str) -> None:
    """The planted bug: another slice stores something of a person."""
    meta = type("Meta", (), {"app_label": "settlements", "apps": Apps()})
    columns = {name: models.CharField(max_length=9), "Meta": meta, "__module__": "paysettle.settlements.models"}
    planted = type("Planted", (models.Model,), columns)
    assert personal_columns([*ours(), planted]) - COLUMNS - NOT_PERSONAL.keys() == {f"settlements.Planted.{name}"}


def touched(source: str, names: set[str]) -> Iterator[tuple[int, str]]:
    """Yield where a module touches columns: as an attribute, in a query, or as a text that stands for one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in names and not _is_seam(node.value):
            yield node.lineno, node.attr
        if isinstance(node, ast.Call) and _called(node.func) in _QUERIES:
            for argument in node.keywords:
                if names & set((argument.arg or "").split("__")):
                    yield node.lineno, str(argument.arg)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _names_a_column(node.value, names):
            yield node.lineno, node.value


def _is_seam(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "personal"


def _called(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _names_a_column(text: str, names: set[str]) -> bool:
    """Tell whether a text is a column's name or path (`user__email`), or a statement with one in it."""
    words = set("".join(letter if letter.isalnum() or letter == "_" else " " for letter in text).split())
    if words & {"SELECT", "INSERT", "UPDATE", "WHERE"}:
        return bool(words & names)
    return bool(names & set(text.lstrip("-").split("__")))


def offences(path: Path, source: str) -> list[str]:
    """Return where a module touches personal columns that are not its business."""
    name = str(path.relative_to(ROOT))
    if name.startswith(AT_HOME):
        return []
    names = NAMES - {"email"} if name in DOORS else NAMES
    return [f"{name}:{line}: {what}" for line, what in touched(source, names)]


def test_no_module_but_the_seam_touches_them() -> None:
    assert [found for path in PRODUCT for found in offences(path, path.read_text(encoding="utf-8"))] == []


PLANTED = {
    "an attribute": "x = user.email\n",
    "a name": "x = profile.full_name\n",
    "a name of Django's": "x = user.first_name\n",
    "a filter": "x = Contact.objects.filter(private_name__startswith='a')\n",
    "a filter across tables": "x = Party.objects.exclude(contact__private_name='a')\n",
    "a condition": "x = Q(user__email='a')\n",
    "a column of a list": "x = User.objects.values_list('email')\n",
    "a column of a page": "list_display = ('handle', 'user__email')\n",
    "a statement": "x = 'SELECT u.email FROM identity_user u'\n",
}


@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("where", ["paysettle/payments/queries.py", "paysettle/notifications/mail/messages.py"])
def test_control_a_planted_reader_is_noticed(where: str, planted: str) -> None:
    """The planted bug: another slice reads a column beside the seam."""
    path = ROOT / where
    source = path.read_text(encoding="utf-8")
    assert offences(path, source) == []
    assert len(offences(path, source + PLANTED[planted])) >= 1


@pytest.mark.parametrize("door", DOORS)
def test_every_door_is_one_and_lets_nothing_else_through(door: str) -> None:
    path = ROOT / door
    source = path.read_text(encoding="utf-8")
    assert list(touched(source, {"email"})), f"{door} is no door any more: take it off the list"
    assert offences(path, source + PLANTED["a name"]) != []


def test_the_rows_of_registers_are_read_by_the_seam_alone() -> None:
    """Everybody else gets a Registration. Staff pages get rows from Django and ask the seam what they hold."""
    holders = [path for path in PRODUCT if "Organisation.objects" in path.read_text(encoding="utf-8")]
    assert [str(path.relative_to(ROOT)) for path in holders] == [SEAM]
    queries = [
        f"{path}:{line}"
        for path in PRODUCT
        if not str(path.relative_to(ROOT)).startswith(AT_HOME)
        for line in _queried(path.read_text(encoding="utf-8"))
    ]
    assert queries == []
    assert list(_queried("x = Party.objects.filter(organisation__legal_name='a')"))


def _queried(source: str) -> Iterator[int]:
    """Yield where a query names a column of registers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _called(node.func) in _QUERIES:
            named = [argument.arg or "" for argument in node.keywords]
            named += [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if any(HANDED_OUT & set(text.split("__")) for text in named):
                yield node.lineno
