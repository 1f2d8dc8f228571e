"""The ordinary entrance by itself: what a WSGI application is told, and how its answer leaves."""

import asyncio
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import IncompleteRead

import pytest
import urllib3

from config.asgi import build
from paysettle.web.entrances import messages
from tests import wire
from tests.asgi import AsgiClient
from tests.plugin import FOLDER
from tests.server import ROOT, Reply, Server
from tests.wire import Wire

pytestmark = pytest.mark.once


class SmallApp(Server):
    """`small_app` behind the real server."""

    def __init__(self) -> None:
        super().__init__()
        granian = [sys.executable, "-m", "granian", "--interface", "asginl", "--no-ws"]
        self.command = [*granian, "--port", str(self.port), "tests.entrances.small_app:application"]


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    server = SmallApp()
    server.start()
    yield server
    server.stop()


def send(server: Server, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Reply:
    with Wire(server) as connection:
        connection.send(wire.head(method, path, headers or {}) + body)
        return connection.reply(method=method)


def test_the_application_is_told_everything(small: Server) -> None:
    headers = {"Cookie": "a=1", "X-One": "1", "X_One": "forged", "Content-Length": "3", "Content-Type": "x/y"}
    reply = send(small, "POST", "/a%2Fb/%C3%A9/%FF?q=%20&r", headers, b"abc")
    told = reply.document
    assert told["REQUEST_METHOD"] == "POST"
    assert told["PATH_INFO"].encode("latin-1") == b"/a/b/\xc3\xa9/\xff"
    assert told["QUERY_STRING"] == "q=%20&r"
    assert (told["CONTENT_TYPE"], told["CONTENT_LENGTH"], told["body"]) == ("x/y", "3", "abc")
    assert (told["HTTP_X_ONE"], told["HTTP_COOKIE"], told["HTTP_HOST"]) == ("1", "a=1", "127.0.0.1")
    assert (told["SERVER_PORT"], told["REMOTE_ADDR"]) == (str(small.port), "127.0.0.1")
    assert (told["wsgi.url_scheme"], told["SERVER_PROTOCOL"]) == ("http", "HTTP/1.1")
    assert "HTTP_CONTENT_LENGTH" not in told
    assert reply.headers.getlist("Set-Cookie") == ["a=1", "b=2"]  # type: ignore[attr-defined]


def test_a_header_that_comes_twice_is_joined(small: Server) -> None:
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-A: 2\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n"
    with Wire(small) as connection:
        connection.send(raw)
        told = connection.reply().document
    assert (told["HTTP_X_A"], told["HTTP_COOKIE"]) == ("1,2", "a=1; b=2")


def test_a_chunked_body_has_a_length(small: Server) -> None:
    body = wire.chunked([b"x" * 30_000] * 20)
    told = send(small, "POST", "/", {"Transfer-Encoding": "chunked"}, body).document
    assert (told["CONTENT_LENGTH"], len(told["body"])) == ("600000", 600_000)


@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding"])
def test_a_body_that_is_too_large_is_refused(framing: str, small: Server) -> None:
    pieces = [b"x" * 50_000] * 21
    value = {"Content-Length": "1050000", "Transfer-Encoding": "chunked"}[framing]
    body = b"".join(pieces) if framing == "Content-Length" else wire.chunked(pieces)
    reply = send(small, "POST", "/", {framing: value}, body)
    assert (reply.status, reply.document["code"]) == (413, "body_too_large")


def test_a_head_has_no_body(small: Server) -> None:
    with Wire(small) as connection:
        connection.send(wire.head("HEAD", "/ticks", {}))
        assert connection.reply(method="HEAD").text == ""
        connection.send(wire.head("GET", "/ticks", {}))
        assert connection.reply().text == "tick 0\ntick 1\ntick 2\n"


def test_a_stream_leaves_piece_by_piece(small: Server) -> None:
    with Wire(small) as connection:
        connection.send(wire.head("GET", "/ticks?0.5", {}))
        started = time.monotonic()
        seen = b""
        while b"tick 0" not in seen:
            seen += connection.read(1000)
        assert b"tick 1" not in seen
        assert time.monotonic() - started < 0.4
        while b"tick 2" not in seen:
            seen += connection.read(1000)
        assert time.monotonic() - started > 0.9


def test_a_stream_waits_for_a_slow_reader_and_ends_with_it(small: Server) -> None:
    told = FOLDER / "endless.txt"
    with Wire(small) as connection:
        connection.send(wire.head("GET", f"/endless?{told}", {}))
        connection.read(1000)
        time.sleep(1)
        assert not told.exists()
    give_up_at = time.monotonic() + 10
    while not told.exists() and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert int(told.read_text()) < 1000  # what fits into the buffers, not all that a second could make


def test_half_an_answer_does_not_look_whole(small: Server) -> None:
    with Wire(small) as connection:
        connection.send(wire.head("GET", "/breaks", {}))
        with pytest.raises(IncompleteRead):
            connection.reply()


def test_a_fault_of_the_application_is_a_problem_document(small: Server) -> None:
    reply = send(small, "GET", "/fails")
    assert (reply.status, reply.document["code"]) == (500, "internal_error")
    assert reply.document["request_id"] == reply.headers["X-Request-Id"]
    assert "on purpose" not in reply.text


def test_who_finds_no_room_is_told_at_once(small: Server) -> None:
    def slow(_n: int) -> tuple[int, float]:
        started = time.monotonic()
        return send(small, "GET", "/sleeps?1").status, time.monotonic() - started

    with ThreadPoolExecutor(7) as threads:
        answers = sorted(threads.map(slow, range(7)))
    assert [status for status, _ in answers] == [200] * 4 + [503] * 3
    assert all(duration_s < 0.8 for status, duration_s in answers if status == 503)


def test_a_slow_body_takes_no_thread(small: Server) -> None:
    slow = [Wire(small) for _ in range(8)]
    for connection in slow:
        connection.send(wire.head("POST", "/", {"Content-Length": "2"}) + b"a")
    assert send(small, "GET", "/").status == 200
    for connection in slow:  # one by one: eight at once are more than so small a server lets wait
        connection.send(b"b")
        assert connection.reply().document["body"] == "ab"
        connection.close()


@pytest.mark.parametrize("path", ["/api/v1/payments", "/api/v1/settlements"])
def test_a_body_that_never_comes_is_given_up(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In process, where time can be made short; the same for both entrances."""
    monkeypatch.setattr(messages, "BODY_S", 0.05)
    sent: list[messages.Message] = []

    async def receive() -> messages.Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: messages.Message) -> None:
        sent.append(message)

    application = build(threads=1)
    scope = AsgiClient(application).scope("POST", path, {"Host": "127.0.0.1"})
    asyncio.run(application(scope, receive, send))
    assert sent[0]["status"] == 400
    assert b"in time" in sent[1]["body"]


def test_static_files_leave_whole(server: Server) -> None:
    address = f"{server.address}/static/web/site.css"
    reply = urllib3.request("GET", address, headers={"Accept-Encoding": "identity"}, retries=False)
    assert reply.data == (ROOT / "paysettle/web/static/web/site.css").read_bytes()
    assert urllib3.request("HEAD", address, retries=False).headers["Content-Length"]
