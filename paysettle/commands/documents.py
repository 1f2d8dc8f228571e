"""The documents that the program writes about itself: OpenAPI, access, the catalogues of errors and events."""

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

import paysettle
from paysettle.commands import access
from paysettle.commands.field_codes import FIELD_CODES
from paysettle.events.catalogue import described
from paysettle.kernel.errors import DomainError, catalogue

FOLDER = Path(settings.BASE_DIR) / "docs"
EVENTS = "events"

_ERRORS_HEAD = """\
# Errors

Every refusal of the API is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with one of these
codes. **Again**: the same request may succeed later. **Kept**: the answer is stored under the idempotency key, so that
the same key gets the same answer, and a new attempt needs a new key; a request whose refusal is not kept may be
corrected and sent again with the same key.

What is kept under a key is answered again for 30 days, with `Idempotent-Replayed: true` and the `Original-Request-Id`.
After that the key of a refusal is free; that of a success never is: it is told `idempotency_key_expired`, with the
`object_id` of what it has made, as another request with a key is told `idempotency_key_reused`.

This page is written by `make docs`.

| Code | Status | Meaning | Again | Kept |
| --- | --- | --- | --- | --- |
"""

_FIELDS_HEAD = """
## Codes of fields

What is wrong with the fields of a request stands in `errors` of its problem document: each with a JSON pointer
(RFC 6901; `?name` for a parameter) and one of these codes.

| Code | Meaning |
| --- | --- |
"""


class DocumentsOutOfDate(Exception):
    """A committed document is not what the program says today; the message names it."""


def openapi() -> str:
    """Return the OpenAPI document as YAML. Raises ValueError if it is not valid or drf-spectacular had to guess."""
    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    validate_schema(schema)  # type: ignore[no-untyped-call]
    if GENERATOR_STATS:
        raise ValueError("drf-spectacular had to guess: see the warnings above.")
    rendered: bytes = OpenApiYamlRenderer().render(schema, renderer_context={})  # type: ignore[no-untyped-call]
    return rendered.decode()


def errors() -> str:
    """Return the catalogue of errors as Markdown."""
    rows = [
        f"| `{error.code}` | {int(error.status)} | {error.title} | {_mark(error.retryable)} | {_mark(error.stored)} |"
        for error in every_error()
    ]
    fields = [f"| `{code}` | {meaning} |" for code, meaning in FIELD_CODES.items()]
    return _ERRORS_HEAD + "\n".join(rows) + "\n" + _FIELDS_HEAD + "\n".join(fields) + "\n"


def every_error() -> list[type[DomainError]]:
    """Return every refusal of every module, those not imported yet included."""
    for module in pkgutil.walk_packages(paysettle.__path__, "paysettle."):
        if not {"tests", "migrations"} & set(module.name.split(".")):
            importlib.import_module(module.name)
    return catalogue()


def events() -> dict[str, str]:
    """Return the JSON Schema of each type of event, by the name of its file."""
    return {
        f"{EVENTS}/{name}.json": json.dumps(found.document(), indent=2) + "\n" for name, found in described().items()
    }


def access_table() -> access.Table:
    """Return the access table. Raises access.AccessTableWrong if it does not fit together."""
    return access.read(FOLDER / "access.toml")


def documents() -> dict[str, str]:
    """Return every document by the name of its file in `docs`. Raises access.AccessTableWrong, and as `openapi`."""
    api = openapi()
    document: dict[str, Any] = yaml.safe_load(api)
    who_may = access.page(access_table(), document)
    return {"openapi.yaml": api, "access.md": who_may, "errors.md": errors(), **events()}


def write() -> None:
    """Write every document."""
    (FOLDER / EVENTS).mkdir(exist_ok=True)
    for name, content in documents().items():
        (FOLDER / name).write_text(content, encoding="utf-8")


def check() -> None:
    """Raise DocumentsOutOfDate if a committed document is not what the program says today."""
    wanted = documents()
    for name, content in wanted.items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            raise DocumentsOutOfDate(f"docs/{name} is out of date: run `make docs` and look at the difference.")
    for path in (FOLDER / EVENTS).iterdir():
        if f"{EVENTS}/{path.name}" not in wanted:
            raise DocumentsOutOfDate(f"docs/{EVENTS}/{path.name} describes an event that nothing writes.")


def _mark(value: object) -> str:
    return "yes" if value else "no"
