"""With an https address: plain requests are sent there, and secure ones are told to stay there."""

import pytest
from django.test import Client as DjangoClient
from django.test import override_settings

from config.asgi import build
from paysettle.web.entrances import messages
from tests.asgi import AsgiClient
from tests.people import deposit, person
from tests.server import running
from tests.wire import payment_body, payment_headers

pytestmark = pytest.mark.once

HOT = "/api/v1/payments"


@pytest.mark.parametrize("path", [HOT, "/api/v1/settlements", "/"])
def test_plain_requests_are_sent_to_https(path: str) -> None:
    with running(processes=1, PUBLIC_URL="https://pay.example.org", ALLOWED_HOSTS="127.0.0.1") as server:
        reply = server.client(person("ana")).raw(path, b"{}", {"Content-Type": "application/json"})
        assert reply.status == 301
        assert reply.headers["Location"] == f"https://127.0.0.1:{server.port}{path}"
        assert reply.headers["X-Request-Id"]


@override_settings(SECURE_HSTS_SECONDS=1000, SECURE_HSTS_PRELOAD=True, SECURE_SSL_REDIRECT=True)
def test_secure_requests_are_told_to_stay() -> None:
    messages._standing_headers.cache_clear()
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10)
    try:
        reply = AsgiClient(build(threads=1), scheme="https").send(
            "POST", HOT, [payment_body(ben, 10)], **payment_headers(ana)
        )
    finally:
        messages._standing_headers.cache_clear()
    told = DjangoClient().post(HOT, secure=True).headers["Strict-Transport-Security"]
    assert reply is not None
    assert reply.status == 201
    assert reply.headers["Strict-Transport-Security"] == told == "max-age=1000; preload"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_who_runs_it_may_ask_from_within(path: str) -> None:
    with running(processes=1, PUBLIC_URL="https://pay.example.org", ALLOWED_HOSTS="127.0.0.1") as server:
        assert server.client().get(path).status == 200
