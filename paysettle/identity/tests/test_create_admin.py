"""The first administrator."""

import io
import secrets

import pytest
from django.core.management import CommandError, call_command

from paysettle.identity import queries
from paysettle.identity.management.commands.create_admin import PASSWORD_VARIABLE
from paysettle.identity.models import User
from paysettle.identity.roles import StaffRole
from paysettle.identity.tests.app_client import PASSWORD
from tests import plugin


def names() -> dict[str, str]:
    handle = f"root-{secrets.token_hex(4)}"
    return {"username": handle, "email": f"{handle}@example.org"}


def test_with_the_password_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    admin = names()
    out = io.StringIO()
    call_command("create_admin", **admin, stdout=out)
    assert PASSWORD not in out.getvalue()
    user = User.objects.get(username=admin["username"])
    assert user.staff_role == StaffRole.ADMINISTRATOR
    assert (user.is_staff, user.is_superuser) == (True, False)
    assert queries.people_with_verified_address(admin["email"]) == [user]


@pytest.mark.parametrize("password", ["", "short", "password1234"])
def test_there_is_no_weak_password(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, password)
    with pytest.raises(CommandError):
        call_command("create_admin", **names())


@pytest.mark.parametrize("password", ["{username}", "{email}", "x y " * 65])
def test_its_password_is_held_to_what_everybodys_is(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    admin = names()
    monkeypatch.setenv(PASSWORD_VARIABLE, password.format(**admin))
    with pytest.raises(CommandError):
        call_command("create_admin", **admin)


def test_there_is_no_default_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match=PASSWORD_VARIABLE):
        call_command("create_admin", **names())


def test_nobody_is_there_before_somebody_signs_up() -> None:
    """Right after the migrations."""
    assert plugin.FIRST_PEOPLE == []


def test_a_taken_or_impossible_name_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    admin = names()
    call_command("create_admin", **admin, stdout=io.StringIO())
    for wrong in ({**admin}, {**names(), "username": "No Handle"}, {**names(), "email": "nobody"}):
        with pytest.raises(CommandError):
            call_command("create_admin", **wrong)
