"""EMAIL_URL: every form that is offered, and a sentence for every other."""

from pathlib import Path

import pytest

from config import env
from config.env import Email, SettingError

pytestmark = pytest.mark.once

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("smtp://mail.example.org", Email(SMTP, host="mail.example.org", port=25)),
        (
            "smtp+tls://ben:p%40ss%3A@mail.example.org",
            Email(SMTP, host="mail.example.org", port=587, user="ben", password="p@ss:", use_tls=True),
        ),
        ("smtp+ssl://mail.example.org:4650", Email(SMTP, host="mail.example.org", port=4650, use_ssl=True)),
        (
            "file:///var/mail%20box",
            Email("paysettle.notifications.mail.files.FileBackend", folder=Path("/var/mail box")),
        ),
    ],
)
def test_an_address_is_read(monkeypatch: pytest.MonkeyPatch, address: str, found: Email) -> None:
    monkeypatch.setenv("EMAIL_URL", address)
    assert env.email("EMAIL_URL", "") == found


@pytest.mark.parametrize(
    "address", ["mail.example.org", "http://x", "smtp://", "smtp://x:port", "file://", "file://x/y"]
)
def test_nonsense_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("EMAIL_URL", address)
    with pytest.raises(SettingError, match="EMAIL_URL"):
        env.email("EMAIL_URL", "")


def test_options_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_OPTIONS", "security.protocol=SASL_SSL, sasl.password=a=b")
    assert env.pairs("KAFKA_OPTIONS") == {"security.protocol": "SASL_SSL", "sasl.password": "a=b"}
    monkeypatch.setenv("KAFKA_OPTIONS", "security.protocol")
    with pytest.raises(SettingError, match="has no value"):
        env.pairs("KAFKA_OPTIONS")
