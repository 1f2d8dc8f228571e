"""The committed OpenAPI document, read once."""

from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).resolve().parents[1] / "docs" / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.load(FILE.read_text(), Loader=yaml.CSafeLoader)


def fields_of_body(operation: dict[str, Any]) -> set[str]:
    """Return the names of all fields in what an operation is sent, at any depth."""
    found: set[str] = set()
    waiting = [content.get("schema", {}) for content in operation.get("requestBody", {}).get("content", {}).values()]
    while waiting:
        schema = waiting.pop()
        if "$ref" in schema:
            schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        found |= set(schema.get("properties", {}))
        waiting += [*schema.get("properties", {}).values(), schema.get("items", {}), *schema.get("allOf", [])]
        waiting += [*schema.get("oneOf", []), *schema.get("anyOf", [])]
        waiting = [one for one in waiting if one]
    return found
