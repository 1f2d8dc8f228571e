"""The start page and the catalogue of errors, with their static files and nothing from elsewhere."""

import re

import pytest
from django.test import Client

from paysettle.kernel.errors import catalogue

ELSEWHERE = re.compile(r"""(?:src|href|action|srcset)\s*=\s*["']?\s*(?:https?:)?//""", re.IGNORECASE)


@pytest.mark.parametrize("path", ["/", "/errors", "/api/docs/", "/admin/login/"])
def test_pages_load_nothing_from_elsewhere(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 200
    page = answer.content.decode()
    assert not ELSEWHERE.search(page)
    assert "<style" not in page or path in {"/api/docs/", "/admin/login/"}


@pytest.mark.parametrize("path", ["/", "/errors", "/healthz", "/readyz", "/.well-known/jwks.json"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_what_is_only_read_knows_no_other_method(path: str, method: str) -> None:
    answer = Client(enforce_csrf_checks=True).generic(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD"


def test_the_page_of_the_api_has_no_options() -> None:
    assert Client().options("/api/docs/").status_code == 405


def test_every_error_has_its_place() -> None:
    page = Client().get("/errors").content.decode()
    for error in catalogue():
        assert f'id="{error.code}"' in page


@pytest.mark.parametrize("file", ["web/site.css", "web/icon.svg", "dashboard/staff.css", "unfold/css/styles.css"])
def test_static_files_are_served_without_being_collected(file: str) -> None:
    answer = Client().get(f"/static/{file}")
    assert answer.status_code == 200
    assert b"".join(answer) != b""
