"""X2: nobody reaches a function by another method, a method override, a suffix or a slash.

Every address of the OpenAPI document is asked with every method that it does not have, by somebody who may do all that
it offers: 405, with the methods that it has. Nothing of this changes a row of any table.
"""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver

from paysettle.identity.api import strict_bodies
from paysettle.identity.api.sign_in_schema import ABSENT
from paysettle.web.entrances import ordinary
from tests.http import InProcess
from tests.people import person
from tests.permissions.attack import OPERATIONS, Server
from tests.permissions.callers import Cast, cast, signed_in
from tests.permissions.requests import REQUESTS, Request
from tests.permissions.tables import Contents, changes, contents

pytestmark = pytest.mark.early

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FROB", "post", "Get")
PATHS = {
    path: {operation.method for operation in OPERATIONS.values() if operation.path == path}
    for path in {operation.path for operation in OPERATIONS.values()}
}
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
SUFFIXES = ("/", ".json", ".api", "/.json", ";a=b", "%00", "%2e", "/.", "//")
PAGES = {
    "": "the start page",
    "errors": "the catalogue of errors",
    "events/<str:name>.json": "the schema of an event",
    "healthz": "alive",
    "readyz": "ready",
    ".well-known/jwks.json": "the public keys of access tokens",
    "api/schema/": "the OpenAPI document",
    "api/docs/": "the same to read",
    "_allauth/openapi.yaml": "allauth's part of it",
    "_allauth/openapi.json": "allauth's part of it",
}
"""What is for anybody to read, beside the API. Everything under `admin/` is in tests of the staff's pages."""


class Prepared:
    """A good request for each address, made by whoever may send it, and the tables before anything else is sent."""

    def __init__(self) -> None:
        self.server = Server()
        self.everybody: Cast = cast()
        self.good = {name: made(self.everybody.ours) for name, made in REQUESTS.items()}
        self.headers = signed_in(self.everybody.ours.owner)
        self.before: Contents = contents()

    def request(self, path: str) -> Request:
        """Return the good request of an address; allauth's have nothing in them that varies."""
        names = [name for name, operation in OPERATIONS.items() if operation.path == path and name in self.good]
        return self.good[names[0]] if names else Request("GET", path, {})


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return Prepared()


def findings(prepared: Prepared, path: str) -> Iterator[str]:
    """Ask an address with every method that it does not have."""
    good, has = prepared.request(path), PATHS[path]
    for method in METHODS:
        if method in has or (method == "HEAD" and "GET" in has):
            continue
        reply = prepared.server.send(Request(method, good.path, good.body, good.if_match), prepared.headers)
        allowed = set(reply.headers.get("Allow", "").split(", "))
        if reply.status != 405 or allowed - {"HEAD", "OPTIONS"} != has:
            yield f"{method} is told {reply.status}, with {sorted(allowed)} allowed"


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_an_address_does_not_have_is_refused(prepared: Prepared, path: str) -> None:
    assert list(findings(prepared, path)) == []


@pytest.mark.parametrize("name", [name for name in REQUESTS if OPERATIONS[name].method == "POST"])
@pytest.mark.parametrize("override", [*OVERRIDES, "_method"])
def test_no_get_becomes_a_post(prepared: Prepared, name: str, override: str) -> None:
    good = prepared.good[name]
    told = {override: "POST"} if override != "_method" else {}
    path = f"{good.path}?_method=POST" if override == "_method" else good.path
    reply = prepared.server.send(Request("GET", path, good.body, good.if_match), {**prepared.headers, **told})
    # Where the address can be read it is read, or the parameter is none that the list knows.
    assert reply.status in ({200, 422} if "GET" in PATHS[_path(name)] else {405})


@pytest.mark.parametrize("name", REQUESTS)
def test_an_address_with_something_behind_it_is_another(prepared: Prepared, name: str) -> None:
    good = prepared.good[name]
    for suffix in SUFFIXES:
        reply = prepared.server.send(
            Request(good.method, good.path + suffix, good.body, good.if_match), prepared.headers
        )
        assert reply.status in {404, 405}, suffix


def test_nothing_was_done(prepared: Prepared) -> None:
    """After all of the above, and in whatever order: every row of every table is as it was."""
    assert changes(prepared.before, contents()) == {}


def test_every_address_is_an_operation_or_a_page_for_anybody() -> None:
    known = {path.strip("/") for path in PATHS}
    for route in _routes(get_resolver()):
        plain = route.replace("<str:", "{").replace(">", "}")
        assert plain in known or route in PAGES or route.startswith("admin/") or _is_absent(route), route


def test_control_with_what_django_makes_of_a_method_somebody_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: `post` reaches Django, which takes it for POST."""
    environ = ordinary._environ
    monkeypatch.setattr(ordinary, "_environ", lambda *said: {**environ(*said), "REQUEST_METHOD": said[0]["method"]})
    assert any(finding.startswith("post is told 204") for finding in findings(Prepared(), _path("leave_organisation")))


def test_control_without_our_check_allauth_reads_the_body_of_any_method(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strict_bodies, "_methods", lambda _view_class: METHODS)
    assert any(finding.startswith("DELETE is told 410") for finding in findings(prepared, _path("change_password")))


def _path(name: str) -> str:
    return OPERATIONS[name].path


def _routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern, route)
        else:
            yield route


def _is_absent(route: str) -> bool:
    """Tell whether this is one of allauth's addresses that we do not have; each answers 404."""
    return route.removeprefix("_allauth/app/v1/") in ABSENT


def test_what_we_do_not_have_is_absent(prepared: Prepared) -> None:
    for route in _routes(get_resolver()):
        if _is_absent(route):
            assert prepared.server.send(Request("GET", f"/{route}"), {}).status == 404
            for method in ("POST", "PUT", "PATCH", "DELETE"):  # no word of cookies to whoever has none
                assert Client(enforce_csrf_checks=True).generic(method, f"/{route}").status_code == 404


def test_no_parameter_chooses_another_format() -> None:
    """DRF's own `?format=` would answer 404 for a resource that is there."""
    ana = InProcess(person("ana"))
    assert ana.get("/api/v1/me?format=xml").status == 200
    assert ana.get("/api/v1/accounts?format=xml").document["errors"][0]["code"] == "unknown_parameter"
