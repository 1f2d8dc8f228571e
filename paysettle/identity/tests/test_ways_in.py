"""The ways in are those that are written down (`docs/signing-in.md`), and there are no others."""

import time
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings

from paysettle.identity.models import LoginSession
from paysettle.identity.tests.app_client import App
from paysettle.identity.tests.people import person
from tests import openapi
from tests.server import ROOT

PAGE = (ROOT / "docs" / "signing-in.md").read_text()

WAYS = {
    "auth/login": "Sign-in by password",
    "auth/2fa/authenticate": "… with a second factor",
    "auth/signup": "Sign-up",
    "auth/email/verify": "Sign-up",
    "auth/email/verify/resend": "Sign-up",
    "auth/password/request": "Reset of a password",
    "auth/password/reset": "Reset of a password",
    "tokens/refresh": "Refresh token",
}
"""By address: what it belongs to on the page."""

FOR_WHO_IS_IN = {
    "config",
    "auth/session",
    "auth/reauthenticate",
    "auth/2fa/reauthenticate",
    "account/authenticators",
    "account/authenticators/totp",
    "account/authenticators/recovery-codes",
    "account/password/change",
}
"""By these nobody gets in who is not in already."""

YEARS_S = 10 * 365 * 86_400
MANY = 12


@pytest.mark.once
def test_every_way_in_is_written_down() -> None:
    root = "/_allauth/app/v1/"
    addresses = {path.removeprefix(root) for path in openapi.DOCUMENT["paths"] if path.startswith(root)}
    assert addresses == WAYS.keys() | FOR_WHO_IS_IN
    assert openapi.DOCUMENT["components"]["securitySchemes"].keys() == {"bearerAuth"}
    rows = {line.split("|")[1].strip() for line in PAGE.splitlines() if line.startswith("| ")}
    others = {"Staff's pages", "Access token", "API key", "Invitation", "Command line"}
    assert rows - {"Way", "---"} == set(WAYS.values()) | others


@pytest.mark.once
def test_nobody_else_says_who_somebody_is() -> None:
    """No identity provider, no single sign-on, no codes by phone: a password that is ours, or nothing."""
    assert settings.AUTHENTICATION_BACKENDS == ["paysettle.identity.backends.PasswordBackend"]
    assert {config.name for config in apps.get_app_configs() if config.name.startswith("allauth")} == {
        "allauth",
        "allauth.account",
        "allauth.headless",
        "allauth.mfa",
    }
    assert set(settings.MFA_SUPPORTED_TYPES) == {"totp", "recovery_codes"}


@pytest.mark.once
def test_there_are_no_hints_and_no_secret_questions() -> None:
    def names(node: Any) -> set[str]:
        if isinstance(node, list):
            return {name for one in node for name in names(one)}
        if not isinstance(node, dict):
            return set()
        return set(node.get("properties", {})) | {name for one in node.values() for name in names(one)}

    found = names(openapi.DOCUMENT)
    assert {"password", "handle"} <= found, "the search finds fields"
    assert not [name for name in found if any(word in name for word in ("hint", "question", "secret_answer"))]


def test_a_password_does_not_grow_old(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, now_s = person("ana"), time.time()
    monkeypatch.setattr(time, "time", lambda: now_s + YEARS_S)
    assert App().sign_in(username=ana.handle).status == 200


def test_somebody_has_any_number_of_sessions() -> None:
    ana = person("ana")
    apps_of_ana = [App() for _ in range(MANY)]
    for app in apps_of_ana:
        assert app.sign_in(username=ana.handle).status == 200
    assert {app.me().status for app in apps_of_ana} == {200}
    assert LoginSession.objects.filter(user=ana.user, ended_at=None).count() > MANY
