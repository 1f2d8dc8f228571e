"""The committed OpenAPI document, read once."""

from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).resolve().parents[1] / "docs" / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.load(FILE.read_text(), Loader=yaml.CSafeLoader)
