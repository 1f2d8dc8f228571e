"""The catalogue of events: complete, served, and what a test run writes is held against it at its end."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from paysettle.events import catalogue
from paysettle.events.consumers import registered
from tests.event_schemas import faults

pytestmark = pytest.mark.once

PACKAGE = Path(catalogue.__file__).parents[1]
OPENED = "paysettle.party.opened.v1"


def test_every_event_that_somebody_listens_to_is_described() -> None:
    assert {type_ for consumer in registered() for type_ in consumer.types} <= set(catalogue.described())


def test_every_type_that_stands_in_the_source_is_described() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if "tests" not in path.parts]
    named = {
        name for path in files for name in re.findall(r'(?<!b)"(paysettle\.[a-z_]+\.[a-z_]+\.v\d+)"', path.read_text())
    }
    assert named == set(catalogue.described())


@pytest.mark.parametrize("name", sorted(catalogue.described()))
def test_the_address_that_an_event_names_answers_its_schema(name: str) -> None:
    reply = Client().get(f"/events/{name}.json")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/schema+json")
    assert reply.json()["title"] == name


def test_an_unknown_type_has_no_schema() -> None:
    assert Client().get("/events/paysettle.party.opened.v2.json").status_code == 404


def test_a_type_is_described_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        catalogue.describe(OPENED, "", {})


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        (OPENED, {"kind": "person"}, None),
        (OPENED, {"kind": "planet"}, "is not one of"),
        (OPENED, {}, "'kind' is a required property"),
        (OPENED, {"kind": "person", "email": "ana@example.org"}, "'email' was unexpected"),
        ("paysettle.party.opened.v2", {"kind": "person"}, "not described"),
        ("paysettle.session.begun.v1", {"user": "ana@example.org"}, "does not match"),
    ],
)
def test_control_the_check_at_the_end_of_the_run_finds_what_is_wrong(
    name: str, data: dict[str, Any], fault: str | None
) -> None:
    found = faults(name, data)
    assert found == [] if fault is None else fault in found[0]
