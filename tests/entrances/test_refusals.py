"""The contract of the hot route: it refuses as a DRF route does, whoever runs it.

The same requests go to the hot route of a real server (the lean handler), to the hot route under Django's own handler
(the test client) and to a DRF route. Status, code, sentence and headers must be the same.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client as DjangoClient

from paysettle.identity.operations import sessions
from paysettle.identity.roles import Role
from tests import wire
from tests.asgi import AsgiClient
from tests.companies import company
from tests.people import Person, deposit, person
from tests.server import Reply, Server, running, token
from tests.wire import Wire

HOT, DRF = "/api/v1/payments", "/api/v1/settlements"
TOO_MUCH = settings.BODY_SIZE_MAX + 1

NOT_COMPARED = {
    "allow", "connection", "content-length", "date", "server", "transfer-encoding", "vary", "x-request-id"
}  # fmt: skip
"""What the server adds, what differs with the length of a request id, and what DRF says about its representations."""


@dataclass(frozen=True, slots=True)
class Case:
    """A request and how it is refused. A header that is None is left out."""

    name: str
    status: int
    code: str
    headers: dict[str, str | None] = field(default_factory=dict)
    body: bytes | None = None
    method: str = "POST"
    chunked: bool = False


CASES = [
    Case("no token", 401, "unauthenticated", {"Authorization": None}),
    Case("another scheme", 401, "unauthenticated", {"Authorization": "Basic eDp5"}),
    Case("bad token", 401, "invalid_token", {"Authorization": "Bearer x.y.z"}),
    Case("empty token", 401, "invalid_token", {"Authorization": "Bearer "}),
    Case("bad acting party", 400, "bad_acting_party", {"Acting-Party": "par_x"}),
    Case("malformed JSON", 400, "malformed_body", body=b'{"amount": '),
    Case("a key twice", 400, "malformed_body", body=b'{"amount": 1, "amount": 1}'),
    Case("not UTF-8", 400, "malformed_body", body=b'{"note": "\xff"}'),
    Case("not an object", 400, "malformed_body", body=b"[]"),
    Case("empty body", 400, "malformed_body", body=b""),
    Case("empty body, chunked", 400, "malformed_body", body=b"", chunked=True),
    Case("unknown field", 422, "invalid_request", body=b'{"unknown": 1}', chunked=True),
    Case("wrong content type", 415, "unsupported_media_type", {"Content-Type": "text/plain"}),
    Case("no content type", 415, "unsupported_media_type", {"Content-Type": None}),
    Case("wrong charset", 415, "unsupported_media_type", {"Content-Type": "application/json; charset=latin-1"}),
    Case("wants XML", 406, "not_acceptable", {"Accept": "application/xml", "Authorization": None}),
    Case("wants nothing", 406, "not_acceptable", {"Accept": ""}),
    Case("compressed", 415, "unsupported_media_type", {"Content-Encoding": "gzip"}),
    Case("no key", 400, "idempotency_key_missing", {"Idempotency-Key": None}),
    Case("key too long", 400, "idempotency_key_invalid", {"Idempotency-Key": "x" * 256}),
    Case("key not ASCII", 400, "idempotency_key_invalid", {"Idempotency-Key": "k\xe9y"}),
    Case("too much", 413, "body_too_large", body=b" " * TOO_MUCH),
    Case("too much, chunked", 413, "body_too_large", body=b" " * TOO_MUCH, chunked=True),
    Case("much too much", 413, "body_too_large", body=b" " * (settings.REQUEST_SIZE_MAX + 1)),
    Case("much too much, chunked", 413, "body_too_large", body=b" " * (settings.REQUEST_SIZE_MAX + 1), chunked=True),
    Case("unknown host", 400, "bad_request", {"Host": "evil.example"}),
    Case("malformed host", 400, "bad_request", {"Host": "a b"}),
    Case("method not allowed", 405, "method_not_allowed", method="DELETE"),
    Case("large header", 401, "unauthenticated", {"Authorization": None, "X-Padding": "x" * 20_000}),
]
IN_PROCESS = [case for case in CASES if not case.chunked]

Door = Callable[[Case, Person, str], Reply]


def over_the_wire(server: Server) -> Door:
    """Send to a real server."""

    def send(case: Case, who: Person, path: str) -> Reply:
        headers, body = _headers(case, who), _body(case)
        framing = {"Transfer-Encoding": "chunked"} if case.chunked else {"Content-Length": str(len(body))}
        with Wire(server) as connection:
            connection.send(wire.head(case.method, path, headers | framing))
            try:
                connection.send(wire.chunked(_pieces(body)) if case.chunked else body)
            except (BrokenPipeError, ConnectionResetError):
                assert case.status == 413  # refused before all of it was sent
            return connection.reply(method=case.method)

    return send


def in_process(case: Case, who: Person, path: str) -> Reply:
    """Send through Django's own handler."""
    headers = _headers(case, who)
    content_type = headers.get("Content-Type", "")
    client = DjangoClient(raise_request_exception=False)
    response = client.generic(case.method, path, _body(case), content_type=content_type, headers=headers)
    return Reply(response.status_code, response.headers, response.content.decode())


@pytest.fixture(scope="module")
def ana() -> Person:
    return person("ana")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_hot_route_refuses_as_a_drf_route_does(case: Case, ana: Person, server: Server) -> None:
    send = over_the_wire(server)
    hot = send(case, ana, HOT)
    assert (hot.status, hot.document["code"]) == (case.status, case.code)
    _is_complete(hot)
    assert _comparable(hot) == _comparable(send(case, ana, DRF))


@pytest.mark.parametrize("case", IN_PROCESS, ids=lambda case: case.name)
def test_it_refuses_the_same_under_djangos_own_handler(case: Case, ana: Person, server: Server) -> None:
    assert _comparable(in_process(case, ana, HOT)) == _comparable(over_the_wire(server)(case, ana, HOT))


@pytest.mark.parametrize(("status", "code"), [(401, "session_ended"), (403, "not_your_party"), (403, "not_permitted")])
def test_who_may_not_act_is_told_the_same(status: int, code: str, server: Server) -> None:
    who, ben = person("ana"), person("ben")
    acting: dict[str, str | None] = {}
    if code == "session_ended":
        sessions.end(by=who.caller, session_id=who.session.id)
    elif code == "not_your_party":
        acting = {"Acting-Party": person("eva").party}
    else:
        acting = {"Acting-Party": company(person("eva")).join(who, Role.VIEWER).party}
    asked = {"debtor": ben.handle, "amount": {"amount": 1, "currency": "EUR"}, "reason": "dinner"}
    send = over_the_wire(server)
    hot = send(Case(code, status, code, acting, wire.payment_body(ben, 1)), who, HOT)
    drf = send(Case(code, status, code, acting, json.dumps(asked).encode()), who, DRF)
    assert (hot.status, hot.document["code"]) == (status, code)
    drf = replace(drf, text=drf.text.replace("settle.ask", "pay"))  # each names what it needs
    assert _comparable(hot) == _comparable(drf)


def test_who_sends_too_much_is_told_the_same() -> None:
    with running(THROTTLE_FACTOR="1") as strict:
        hot, drf = (_too_much(strict, path) for path in (HOT, DRF))
    assert (hot.status, hot.document["code"]) == (429, "throttled")
    _is_complete(hot)
    told = [_comparable(reply) for reply in (hot, drf)]
    for one in told:
        wait_s = one["document"].pop("retry_after_s")  # of a bucket, and of a minute
        assert 1 <= wait_s <= 60
        assert one["headers"].pop("retry-after") == str(wait_s)
    assert told[0] == told[1]


def _too_much(server: Server, path: str) -> Reply:
    """Send what is refused until it is refused because it is too much."""
    case, who = Case("unknown field", 422, "invalid_request", body=b'{"unknown": 1}'), person("ana")
    replies = (over_the_wire(server)(case, who, path) for _ in range(1000))
    return next(reply for reply in replies if reply.status != case.status)


@pytest.mark.parametrize("path", [HOT, DRF])
def test_headers_without_end_are_refused_by_the_server(path: str, server: Server) -> None:
    with Wire(server) as connection:
        connection.send(wire.head("POST", path, {"X-Padding": "x" * 200_000}))
        assert connection.reply().status == 431


@pytest.mark.parametrize("path", [HOT, DRF])
@pytest.mark.parametrize("name", ["Idempotency-Key", "Authorization", "Acting-Party", "Content-Type"])
def test_a_header_that_may_stand_once_is_refused_twice(name: str, path: str, ana: Person, server: Server) -> None:
    headers = {**_sendable(ana), "Acting-Party": ana.party, "Content-Length": "2"}
    with Wire(server) as connection:
        connection.send(wire.head("POST", path, {**headers, name.lower(): headers[name]}) + b"{}")
        reply = connection.reply()
    assert (reply.status, reply.document["code"]) == (400, "bad_request")


@pytest.mark.parametrize("path", [HOT, DRF])
@pytest.mark.parametrize(("offered", "taken"), [("order-7:a.b_c", True), ("two words", False), ("x" * 129, False)])
def test_a_request_id_is_taken_or_replaced(path: str, offered: str, taken: bool, server: Server) -> None:  # noqa: FBT001
    reply = over_the_wire(server)(
        Case("", 401, "", {"Authorization": None, "X-Request-Id": offered}), person("a"), path
    )
    found = reply.headers["X-Request-Id"]
    assert found == reply.document["request_id"]
    assert found == offered if taken else found.startswith("req_")


def test_a_payment_carries_the_headers_that_a_refusal_carries(ana: Person, server: Server) -> None:
    deposit(ana, 100)
    paid = server.client(ana).pay(person("ben"), 100)
    refused = server.client(ana).pay(person("ben"), 100)
    assert (paid.status, refused.status) == (201, 422)
    _is_complete(paid)
    assert _comparable(paid)["headers"] | {"content-type": ""} == _comparable(refused)["headers"] | {"content-type": ""}


@pytest.mark.parametrize("broken", ["payments.api.payments._order", "api.problems.answer_response"])
def test_a_fault_of_ours_is_a_problem_document_without_its_reason(
    broken: str, lean: AsgiClient, ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the reason")

    monkeypatch.setattr(f"paysettle.{broken}", fail)
    deposit(ana, 1)
    reply = lean.send("POST", HOT, [wire.payment_body(person("ben"), 1)], **_sendable(ana))
    assert reply is not None
    assert (reply.status, reply.document["code"]) == (500, "internal_error")
    assert "reason" not in reply.text
    _is_complete(reply)


# --- What the lean handler itself must do; each row's control takes that part away ------------------------------------


def reads_no_more_than_it_may(client: AsgiClient, who: Person) -> None:
    """Send a body without end: it must not be read to its end."""
    piece = b" " * 4096
    reply = client.send("POST", HOT, (piece for _ in range(1000)), **_sendable(who))
    assert reply is not None
    assert (reply.status, reply.document["code"]) == (413, "body_too_large")
    assert client.taken == settings.BODY_SIZE_MAX // len(piece) + 1


def knows_its_hosts(client: AsgiClient, who: Person) -> None:
    """Call it by a name that is not its own."""
    reply = client.send("POST", HOT, [b"{}"], **_sendable(who, Host="evil.example"))
    assert reply is not None
    assert (reply.status, reply.document["code"]) == (400, "bad_request")


async def _read_it_all(receive: Any, into: Any, *, size_max: int) -> int:
    from paysettle.web.entrances import messages

    return await messages.read_body(receive, into, size_max=size_max * 1000)


PARTS: dict[Callable[[AsgiClient, Person], None], tuple[str, object]] = {
    reads_no_more_than_it_may: ("paysettle.web.entrances.hot.read_body", _read_it_all),
    knows_its_hosts: ("paysettle.web.entrances.hot._is_for_us", lambda _request: True),
}


@pytest.fixture
def lean() -> AsgiClient:
    """The application that the server runs."""
    from config.asgi import build

    return AsgiClient(build(threads=2))


@pytest.mark.parametrize("check", PARTS)
def test_the_lean_handler(check: Callable[[AsgiClient, Person], None], lean: AsgiClient, ana: Person) -> None:
    check(lean, ana)


@pytest.mark.parametrize("check", PARTS)
def test_control_the_lean_handler_without_that_part(
    check: Callable[[AsgiClient, Person], None], lean: AsgiClient, ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*PARTS[check])
    with pytest.raises(AssertionError):
        check(lean, ana)


def _headers(case: Case, who: Person) -> dict[str, str]:
    found: dict[str, str | None] = {**_sendable(who), **case.headers}
    return {name: value for name, value in found.items() if value is not None}


def _sendable(who: Person, **changed: str) -> dict[str, str]:
    return {
        "Host": "127.0.0.1",
        "Authorization": f"Bearer {token(who)}",
        "Content-Type": "application/json",
        "Idempotency-Key": secrets.token_hex(12),
        **changed,
    }


def _body(case: Case) -> bytes:
    return b"{}" if case.body is None else case.body


def _pieces(body: bytes) -> list[bytes]:
    return [body[start : start + 10_000] for start in range(0, len(body), 10_000)]


def _is_complete(reply: Reply) -> None:
    """An answer of the API carries all of this."""
    assert reply.headers["X-Request-Id"]
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "same-origin"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert int(reply.headers["Content-Length"]) == len(reply.text.encode())
    if "bad_request" not in reply.text:  # Django says no to a foreign host before this header's turn comes
        assert reply.headers["X-Frame-Options"] == "DENY"
    if reply.status >= 400:
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert reply.document["request_id"] == reply.headers["X-Request-Id"]
    if reply.status == 401:
        assert reply.headers["WWW-Authenticate"] == f'Bearer error="{reply.document["code"]}"'


def _comparable(reply: Reply) -> dict[str, Any]:
    # The routes have different fields, and each request is another one.
    document = {**json.loads(reply.text), "request_id": None, "instance": None, "errors": None}
    headers = {name.lower(): value for name, value in reply.headers.items()}
    return {
        "status": reply.status,
        "headers": {name: value for name, value in headers.items() if name not in NOT_COMPARED},
        "document": document,
    }
