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


def test_every_error_has_its_place() -> None:
    page = Client().get("/errors").content.decode()
    for error in catalogue():
        assert f'id="{error.code}"' in page


@pytest.mark.parametrize("file", ["web/site.css", "web/icon.svg", "dashboard/staff.css", "unfold/css/styles.css"])
def test_static_files_are_served_without_being_collected(file: str) -> None:
    answer = Client().get(f"/static/{file}")
    assert answer.status_code == 200
    assert b"".join(answer) != b""
