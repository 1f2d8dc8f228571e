"""X2: nobody reaches a function by another method, a method override, a suffix or a slash.

Every address of the OpenAPI document is asked with every method that it does not have, by somebody who may do all that
it offers: 405, with the methods that it has. Nothing of this changes a row of any table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self
from unittest.mock import patch

import orjson
import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver

from paysettle.identity import session_keys, timeouts
from paysettle.identity.api import strict_bodies
from paysettle.identity.api.sign_in_schema import ABSENT
from paysettle.identity.tests.app_client import App
from paysettle.web.entrances import ordinary
from tests.http import InProcess
from tests.people import Person, person
from tests.permissions.attack import OPERATIONS, Server
from tests.permissions.callers import Cast, cast, signed_in
from tests.permissions.requests import REQUESTS, Request
from tests.permissions.sign_in import OF_A_SESSION, OF_ANYBODY, Signing, device
from tests.permissions.tables import Contents, changes, contents
from tests.server import Reply

pytestmark = [pytest.mark.early, pytest.mark.usefixtures("quick_hashes")]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FROB", "post", "Get")
PATHS = {
    path: {operation.method for operation in OPERATIONS.values() if operation.path == path}
    for path in {operation.path for operation in OPERATIONS.values()}
}
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
KEYS = ("X-Email-Verification-Key", "X-Password-Reset-Key")
SUFFIXES = ("/", ".json", ".api", "/.json", ";a=b", "%00", "%2e", "/.", "//")
KEEPS_WHEN_READ = (
    "activate_totp",
    "totp_authenticator_status",
    "reset_password",
    "get_password_reset_information",
    "get_email_verification_information",
)
"""Where a GET of the same address keeps something in the session: a secret on offer, how often a code was looked at."""
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


@dataclass(frozen=True, slots=True)
class Good:
    """A request, and who may send it: the owner of an organisation, or whoever has what is in these headers."""

    request: Request
    owner: Person | None = None
    signing_in: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of who may send it, with a token that is young."""
        return signed_in(self.owner) if self.owner else self.signing_in

    @classmethod
    def signing(cls, sent: Signing, app: App) -> Self:
        """Return what a device sends to sign in, or where it is signed in."""
        key = (sent.body or {}).get("key")  # where it is looked at by GET, it is in a header
        headers = {**dict(sent.headers), **(dict.fromkeys(KEYS, key) if key else {})}
        if app.session_token:
            headers["X-Session-Token"] = app.session_token
        return cls(Request(sent.method, sent.path, sent.body), signing_in=headers)


class Prepared:
    """A good request for each address, made by whoever may send it, and the tables before anything else is sent."""

    def __init__(self) -> None:
        self.server = Server()
        self.everybody: Cast = cast()
        ours = self.everybody.ours
        self.good = {name: Good(made(ours), ours.owner) for name, made in REQUESTS.items()}
        for name, made in OF_A_SESSION.items():
            on = device("ana")
            self.good[name] = Good.signing(made(on), on.app)
        for name, knock in OF_ANYBODY.items():
            self.good[name] = Good.signing(knock(door := App()), door)
        self.before: Contents = contents()

    def send(self, name: str, method: str, *, suffix: str = "", **headers: str) -> Reply:
        """Send the good request of an operation by a method, with something behind its address."""
        return self.send_as({**self.good[name].headers, **headers}, name, method, suffix=suffix)

    def send_as(self, headers: dict[str, str], name: str, method: str, *, suffix: str = "") -> Reply:
        """Do the same as somebody else."""
        good = self.good[name].request
        return self.server.send(Request(method, good.path + suffix, good.body, good.if_match), headers)

    def session_row(self, name: str) -> str:
        """Return the key of the row that holds the session of an operation of signing in."""
        return session_keys.row_key(session_keys.digest(self.good[name].headers["X-Session-Token"]))

    def at(self, path: str, method: str) -> Reply:
        """Send a good request of an address by a method."""
        return self.send(next(name for name, operation in OPERATIONS.items() if operation.path == path), method)


@pytest.fixture(scope="module")
def prepared() -> Iterator[Prepared]:
    with patch.object(
        timeouts, "SEEN_EVERY", timedelta(days=1)
    ):  # otherwise each session is noted as seen now and then
        yield Prepared()


def findings(prepared: Prepared, path: str) -> Iterator[str]:
    """Ask an address with every method that it does not have."""
    has = PATHS[path]
    for method in METHODS:
        if method in has or (method == "HEAD" and "GET" in has):
            continue
        reply = prepared.at(path, method)
        allowed = set(reply.headers.get("Allow", "").split(", "))
        if reply.status != 405 or allowed - {"HEAD", "OPTIONS"} != has:
            yield f"{method} is told {reply.status}, with {sorted(allowed)} allowed"


@pytest.mark.shared
@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_an_address_does_not_have_is_refused(prepared: Prepared, path: str) -> None:
    assert list(findings(prepared, path)) == []


@pytest.mark.shared
@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.method != "GET"])
@pytest.mark.parametrize("override", [*OVERRIDES, "_method"])
def test_no_get_becomes_anything_else(prepared: Prepared, name: str, override: str) -> None:
    plain, method = prepared.send(name, "GET").status, OPERATIONS[name].method
    if override == "_method":  # a parameter of no list
        told, as_plain = prepared.send(name, "GET", suffix=f"?_method={method}").status, {plain, 422}
    else:
        told, as_plain = prepared.send(name, "GET", **{override: method}).status, {plain}
    assert told in as_plain
    assert (plain == 405) == ("GET" not in PATHS[_path(name)])


@pytest.mark.shared
@pytest.mark.parametrize("name", [name for name, operation in OPERATIONS.items() if operation.method == "GET"])
def test_head_is_told_what_get_is_told(prepared: Prepared, name: str) -> None:
    """Or less; whoever asks: the owner, somebody else, nobody. So what is shown of GET is shown of HEAD."""
    good = prepared.good[name].headers
    for headers in (good, signed_in(prepared.everybody.erin), {}):
        told = {method: prepared.send_as(headers, name, method) for method in ("GET", "HEAD")}
        by_allauth = {400} if "/_allauth/" in prepared.good[name].request.path else set()  # it wants what POST needs
        assert told["HEAD"].status in {told["GET"].status, *by_allauth}
        assert told["GET"].status == 200 or headers is not good


@pytest.mark.shared
@pytest.mark.parametrize("name", OPERATIONS)
def test_options_tell_nothing_of_anybody(prepared: Prepared, name: str) -> None:
    """Whoever is signed in may read there what the OpenAPI document says; where people sign in there is none."""
    ours = prepared.everybody.ours
    for headers in (prepared.good[name].headers, signed_in(prepared.everybody.erin), {}):
        reply = prepared.send_as(headers, name, "OPTIONS")
        assert reply.status in {200, 401, 403, 404, 405}
        assert not any(word in reply.text for word in (ours.canary, ours.owner.handle, '"data":'))


@pytest.mark.shared
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_address_with_something_behind_it_is_another(prepared: Prepared, name: str) -> None:
    for suffix in SUFFIXES:
        assert prepared.send(name, OPERATIONS[name].method, suffix=suffix).status in {404, 405}, suffix


def test_nothing_was_done(prepared: Prepared) -> None:
    """After all of the above, and in whatever order: every row of every table is as it was, but what reading keeps."""
    differing = changes(prepared.before, contents())
    before, after = differing.pop("mfa_authenticator", ([], []))
    assert [_without_view(row) for row in before] == [_without_view(row) for row in after]
    gone, come = differing.pop("django_session", ([], []))
    assert {row[0] for row in gone + come} <= {prepared.session_row(name) for name in KEEPS_WHEN_READ}
    assert len(gone) == len(come)
    assert differing == {}


def _without_view(row: tuple[Any, ...]) -> list[Any]:
    """Return a second factor but for the time at which its recovery codes were first looked at."""
    return [{**orjson.loads(cell), "viewed_at": None} if str(cell).startswith("{") else cell for cell in row]


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
    good = prepared.good["change_password"]
    monkeypatch.setitem(prepared.good, "change_password", Good(good.request, prepared.everybody.ours.owner))
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
