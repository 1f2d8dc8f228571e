"""What is logged: JSON lines, and no address in them, not even in what other people's exceptions say."""

import json
import logging

import pytest
import structlog

from paysettle.identity import api_keys
from paysettle.kernel import identifiers

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
