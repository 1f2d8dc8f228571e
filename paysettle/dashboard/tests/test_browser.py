"""A real browser opens every page, light and wide, dark and narrow: no error, no violation, no outside request."""

import os
import threading
from collections.abc import Iterator

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections
from django.urls import reverse

from config.wsgi import application
from paysettle.dashboard.tests.staff import list_url, newcomer, record_url, registered, sights
from tests.codes import code_for
from tests.people import PASSWORD

CHROMIUM = os.environ.get("TEST_CHROMIUM", "")
MISSING = os.environ.get("TEST_CHROMIUM_MISSING", "no browser was found: run the tests with `make test`")
SITE_PAGES = ["/", "/errors", "/api/docs/"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.once("mysql"),
    pytest.mark.skipif(not CHROMIUM, reason=f"Chromium: {MISSING}"),
]


class Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadedWSGIServer):
    """Closes the database connections of its threads."""

    def close_request(self, request: object) -> None:
        super().close_request(request)  # type: ignore[arg-type]
        connections.close_all()


@pytest.fixture
def server() -> Iterator[str]:
    """Serve the site with its static files, as `serve` does, and return its address."""
    found = Server(("127.0.0.1", 0), Quiet, ipv6=False, connections_override=None)
    found.set_app(application)
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{found.server_address[1]}"
    found.shutdown()
    found.server_close()
    thread.join()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page(server: str, scheme: str, width: int) -> None:
    from playwright.sync_api import sync_playwright

    seen, boss = sights(), newcomer("boss")
    index = reverse("admin:index")
    paths = [index, *map(list_url, registered()), *map(record_url, seen.records)]
    paths += [reverse("admin:identity_user_disable", args=[seen.ana.user.id]), *SITE_PAGES]
    troubles: list[str] = []
    # No database in here: playwright runs an event loop in this thread, and Django refuses to block one.
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 844})  # type: ignore[arg-type]
        context.on("request", lambda r: None if r.url.startswith((server, "data:")) else troubles.append(r.url))
        context.on("response", lambda r: troubles.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page = context.new_page()
        page.on("console", lambda m: troubles.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(server + index)
        page.fill("#username", boss.handle)
        page.fill("#password", PASSWORD)
        page.click("text=Sign in")
        page.wait_for_selector(".qr svg")
        secret = page.text_content("code.secret")
        assert secret
        page.fill("#code", code_for(secret))
        page.click("text=Set it up")
        page.click("text=I have kept them")
        page.wait_for_url(server + index)
        for path in paths:
            page.goto(server + path, wait_until="networkidle")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                troubles.append(f"{path} is wider than the window")
        page.goto(server + index)
        page.click("text=Verify now")
        page.wait_for_selector("text=checks looked at")
        browser.close()
    assert troubles == []
