"""X3: no field can be written that an operation does not name.

Into every object of every body goes every name of a field of every model and of every shape of the OpenAPI document,
with a value that would hurt: all at once, and some alone. Each is refused as unknown, nothing of it changes a row of
any table, and the same request without it succeeds.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
from django.apps import apps
from django.db import models

from paysettle.api.validators import Fields
from paysettle.identity.models import User
from paysettle.identity.tests.app_client import App
from paysettle.payments.models import Payment
from tests import openapi
from tests.permissions.attack import OPERATIONS, Server
from tests.permissions.callers import Cast, cast, signed_in
from tests.permissions.requests import REQUESTS, Request
from tests.permissions.sign_in import OF_A_SESSION, OF_ANYBODY, device
from tests.permissions.tables import Contents, changes, contents

pytestmark = pytest.mark.early

SOMEBODY = "par_00000000000000000000000001"
WITHOUT_MONEY = ("close_account", "close_organisation")
"""These need a world without money: that they succeed there, `test_access.py` shows."""

LAST = ("end_other_sessions", "confirm_address", "change_address", "hand_over_organisation", "leave_organisation")
"""After these the owner is not who they were: their good requests come after those of the others."""

WRITES = [name for name in REQUESTS if OPERATIONS[name].method != "GET" and name not in LAST] + [*LAST]
SIGNING_IN = [name for name in (*OF_A_SESSION, *OF_ANYBODY) if OPERATIONS[name].method != "GET"]

Place = tuple[str | int, ...]
LINES: Place = ("items",)
"""Where the lines of a batch stand."""


def _of_models() -> Iterator[tuple[str, Any]]:
    for model in apps.get_models():
        for field in model._meta.get_fields():
            hostile: Any = "owner"
            if isinstance(field, models.BooleanField):
                hostile = True
            elif isinstance(field, models.IntegerField):
                hostile = 10**12
            elif isinstance(field, models.DateTimeField):
                hostile = "2099-01-01T00:00:00Z"
            elif field.is_relation:
                hostile = SOMEBODY
            yield field.name, hostile
            yield getattr(field, "attname", field.name), SOMEBODY if field.is_relation else hostile


def _of_shapes(schema: Any) -> Iterator[tuple[str, Any]]:
    hostile = {"boolean": True, "integer": 10**12, "array": [SOMEBODY], "object": {"id": SOMEBODY}}
    if isinstance(schema, dict):
        for name, shape in schema.get("properties", {}).items():
            kind = shape.get("type", "string") if isinstance(shape, dict) else "string"
            yield name, hostile.get(kind if isinstance(kind, str) else kind[0], "owner")
        for inner in schema.values():
            yield from _of_shapes(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _of_shapes(inner)


FOUND_ELSEWHERE = {"is_staff": True, "is_superuser": True, "approved_by": SOMEBODY, "fee": 10**12, "risk_score": 0}
"""Fields that other systems have been opened by."""

HOSTILE: dict[str, Any] = {**FOUND_ELSEWHERE, **dict(_of_models()), **dict(_of_shapes(openapi.DOCUMENT["components"]))}


class Prepared:
    """A good request for each operation that writes, and the tables before anything else is sent."""

    def __init__(self) -> None:
        self.server = Server()
        self.everybody: Cast = cast()
        self.good = {name: made(self.everybody.ours) for name, made in REQUESTS.items() if name in WRITES}
        self.headers = signed_in(self.everybody.ours.owner)
        self.before: Contents = contents()


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return Prepared()


def findings(prepared: Prepared, name: str) -> Iterator[str]:
    """Write every name that an operation does not have into each object of its body: each is to be refused by name."""
    good = prepared.good[name]
    body = good.body if isinstance(good.body, dict) else {}
    for place in _objects(body):
        unknown = {key: value for key, value in HOSTILE.items() if key not in _known(name, place)}
        alone = [{key: value} for key, value in FOUND_ELSEWHERE.items() if key in unknown]
        for sent in [*alone, unknown]:
            hostile = Request(good.method, good.path, _with(body, place, sent), good.if_match)
            reply = prepared.server.send(hostile, prepared.headers)
            pointers = {"/" + "/".join(map(str, (*place, key))) for key in sent}
            refused = {error["pointer"] for error in reply.document.get("errors", []) if _is_unknown(error)}
            if reply.status != 422 or refused != pointers:
                yield f"{place} {sorted(pointers - refused)[:3] or sorted(sent)[:3]} is told {reply.status}"


def _objects(body: Any, at: Place = ()) -> Iterator[Place]:
    """Yield the places of the objects in a body; lines of a batch are refused one by one, in a test of their own."""
    if isinstance(body, dict):
        yield at
        for key, value in body.items():
            if (*at, key) != LINES:
                yield from _objects(value, (*at, key))
    elif isinstance(body, list):
        for number, value in enumerate(body):
            yield from _objects(value, (*at, number))


def _with(body: dict[str, Any], place: Place, further: Mapping[str, Any]) -> dict[str, Any]:
    changed: Any = deepcopy(body)
    inner = changed
    for step in place:
        inner = inner[step]
    inner.update(further)
    return dict(changed)


def _known(name: str, place: Place) -> set[str]:
    """Return the fields that the OpenAPI document gives an object of a request."""
    schema = _schema(name)
    for step in place:
        schema = _resolved(schema["items"] if isinstance(step, int) else schema["properties"][step])
    return set(_properties(schema))


def _schema(name: str) -> dict[str, Any]:
    operation = OPERATIONS[name]
    body = openapi.DOCUMENT["paths"][operation.path][operation.method.lower()].get("requestBody", {})
    return _resolved(_resolved(body).get("content", {}).get("application/json", {}).get("schema", {}))


def _resolved(said: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference refers to, or what is said itself."""
    while "$ref" in said or len(said.get("allOf", [])) == 1:
        if "$ref" in said:
            _, _, kind, named = said["$ref"].split("/")
            said = openapi.DOCUMENT["components"][kind][named]
        else:
            said = said["allOf"][0]
    return said


def _properties(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the names of the fields of a shape, of whichever of its variants."""
    yield from schema.get("properties", {})
    for variants in ("allOf", "anyOf", "oneOf"):
        for variant in schema.get(variants, []):
            yield from _properties(_resolved(variant))


def _is_unknown(error: dict[str, Any]) -> bool:
    return bool(error["code"] == "unknown_field")


def test_the_names_are_those_of_the_project() -> None:
    assert {"staff_role", "is_active", "password", "state", "balance_minor", "payer_id", "created_at"} <= set(HOSTILE)
    assert len(HOSTILE) > 200


@pytest.mark.shared
@pytest.mark.parametrize("name", WRITES)
def test_no_field_is_taken_that_the_operation_does_not_name(prepared: Prepared, name: str) -> None:
    assert list(findings(prepared, name)) == []


def test_nothing_was_done(prepared: Prepared) -> None:
    """After all of the above: every row of every table is as it was."""
    assert changes(prepared.before, contents()) == {}


@pytest.mark.parametrize("name", [name for name in WRITES if name not in WITHOUT_MONEY])
def test_the_same_request_without_it_succeeds(prepared: Prepared, name: str) -> None:
    reply = prepared.server.send(prepared.good[name], prepared.headers)
    assert 200 <= reply.status < 300, reply.text


def test_a_line_of_a_batch_takes_no_further_field() -> None:
    prepared = Prepared()
    ours = prepared.everybody.ours
    good = REQUESTS["create_payment_batch"](ours).body["items"][0]
    unknown = {key: value for key, value in HOSTILE.items() if key not in _known("create_payment_batch", ("items", 0))}
    lines = [{**good, "key": f"line-{n}", key: value} for n, (key, value) in enumerate(unknown.items())]
    payments = Payment.objects.count()
    reply = prepared.server.send(Request("POST", "/api/v1/payment-batches", {"items": lines}), prepared.headers)
    assert reply.status == 200
    refused = {str(item["problem"]) for item in reply.document["items"]}
    assert len(refused) == len(lines)
    assert all("unknown_field" in problem for problem in refused)
    assert Payment.objects.count() == payments


@pytest.mark.usefixtures("quick_hashes")
@pytest.mark.shared
@pytest.mark.parametrize("name", SIGNING_IN)
def test_signing_in_takes_none_either(name: str) -> None:
    app = App()
    if name in OF_A_SESSION:
        on = device("ana")
        app, sent = on.app, OF_A_SESSION[name](on)
    else:
        sent = OF_ANYBODY[name](app)
    # Methods of one address share what it reads: `primary` of an e-mail address means something to PATCH alone.
    of_address = [other for other in SIGNING_IN if OPERATIONS[other].path == OPERATIONS[name].path]
    known = {field for other in of_address for field in _properties(_schema(other))}
    unknown = {key: value for key, value in HOSTILE.items() if key not in known}
    before = contents()
    answer = app.call(sent.method, sent.path, {**unknown, **(sent.body or {})})
    by_allauth = sent.path.startswith("/_allauth/")
    assert answer.status == (400 if by_allauth else 422)
    named = {error["param"] if by_allauth else error["pointer"].removeprefix("/") for error in answer.json["errors"]}
    assert named == set(unknown)
    assert changes(before, contents()) == {}


def test_every_operation_that_writes_is_tried() -> None:
    assert {*WRITES, *SIGNING_IN} == {name for name, operation in OPERATIONS.items() if operation.method != "GET"}


def test_control_without_the_refusal_of_unknown_fields_somebody_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fields, "_note_unknown", lambda _: None)
    assert any("is_staff" in finding and "201" in finding for finding in findings(Prepared(), "create_payment"))


def test_control_a_changed_row_is_seen(prepared: Prepared) -> None:
    before = contents()
    User.objects.filter(id=prepared.everybody.erin.user.id).update(version=2)
    assert list(changes(before, contents())) == ["identity_user"]
