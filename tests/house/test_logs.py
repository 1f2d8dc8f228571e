"""What is logged: JSON lines, and no address in them, not even in what other people's exceptions say; nor a name."""

import json
import logging

import pytest
import structlog
from django.http import HttpRequest

from paysettle.api import body
from paysettle.identity import api_keys
from paysettle.kernel import identifiers
from tests.companies import company, new_handle, send
from tests.people import person

pytestmark = pytest.mark.once


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_json_with_its_logger(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("a.module").info("happened", number=1)
    (line,) = _lines(capsys)
    assert {name: line[name] for name in ("event", "number", "level", "logger")} == {
        "event": "happened", "number": 1, "level": "info", "logger": "a.module"
    }  # fmt: skip
    assert str(line["timestamp"]).endswith("Z")


def test_an_exception_is_told_without_variables_and_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(address: str) -> None:
        raise ValueError(f"Duplicate entry '{address}' for key 'email'")

    try:
        fail("ana@" + "example.org")
    except ValueError:
        structlog.get_logger("a.module").exception("failed")
    text = capsys.readouterr().err
    assert "Duplicate entry '[address]' for key" in text
    assert "ana@" not in text.replace('fail("ana@"', "")
    assert '"locals"' not in text


def test_an_api_key_that_somebody_quotes_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    canary = api_keys.new_secret(identifiers.new())
    structlog.get_logger("a.module").info("refused", said=f"Bearer {canary}, sent twice: {canary}")
    text = capsys.readouterr().err
    assert "Bearer [api key], sent twice: [api key]" in text
    assert canary not in text


def test_the_standard_librarys_lines_look_the_same(caplog: pytest.LogCaptureFixture) -> None:
    formatter = next(handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler)
    record = logging.LogRecord("django.request", logging.ERROR, "", 1, "Bad: ana@example.org", (), None)
    line = json.loads(formatter.format(record))
    assert (line["event"], line["logger"], line["level"]) == ("Bad: [address]", "django.request", "error")
    assert not caplog.records


CANARY = "Quetzalcoatl"
ADDRESS = f"{CANARY.lower()}@example.org"


def _say_personal_things() -> None:
    """Send what is personal to every operation that takes it, right and wrong."""
    olga = person("olga")
    acting = company(olga).acted_for_by(olga)
    firm = f"/api/v1/organisations/{acting.party}"
    register = {"legal_name": CANARY, "country": "PT", "registration_number": CANARY}
    for path, sent in (
        ("/api/v1/me/profile", {"name": CANARY}),
        ("/api/v1/payees/find", {"email": ADDRESS}),
        ("/api/v1/payees/find", {"email": ADDRESS, "handle": CANARY}),
        ("/api/v1/payees/verify", {"payee": olga.handle, "name": CANARY}),
        ("/api/v1/contacts", {"party": person("ben").handle, "name": CANARY}),
        ("/api/v1/contacts", {"party": CANARY, "name": CANARY}),
        ("/api/v1/organisations", {"handle": new_handle(), **register}),
        (f"{firm}/registration", register),
        (f"{firm}/registration", {**register, CANARY: CANARY}),
        (f"{firm}/invitations", {"email": ADDRESS, "role": "viewer"}),
    ):
        assert send(acting, "POST", path, sent).status in {200, 201, 404, 422}


def test_no_line_holds_a_name_an_address_or_what_a_register_says(capsys: pytest.CaptureFixture[str]) -> None:
    _say_personal_things()
    lines = _lines(capsys)
    assert len(lines) >= 10
    assert not [line for line in lines if CANARY.lower() in str(line).lower()]


def test_control_a_line_with_a_body_in_it_is_noticed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: a reader of bodies logs what it has read."""
    read = body.read

    def telling(request: HttpRequest) -> body.Body:
        sent = read(request)
        structlog.get_logger("planted").info("body", sent=sent)
        return sent

    monkeypatch.setattr(body, "read", telling)
    _say_personal_things()
    assert CANARY in str(_lines(capsys))
