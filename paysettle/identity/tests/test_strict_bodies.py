"""Signing in: unknown fields and wrong types are refused, in allauth's own form, and nothing happens."""

from typing import Any

import pytest

from paysettle.identity.models import User
from paysettle.identity.tests.app_client import AUTH, PASSWORD, App


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"is_staff": True}, "is_staff", "unknown_field"),
        ({"username": 12345}, "username", "wrong_type"),
        ({"password": ["x"]}, "password", "wrong_type"),
        ({"email": None}, "email", "wrong_type"),
    ],
)
def test_a_sign_up_with_more_or_other_than_it_takes_is_refused(change: dict[str, Any], param: str, code: str) -> None:
    body = {"username": "strict-eva", "email": "strict-eva@example.org", "password": PASSWORD, **change}
    answer = App().call("POST", f"{AUTH}/auth/signup", body)
    assert answer.status == 400
    assert [(error["param"], error["code"]) for error in answer.json["errors"]] == [(param, code)]
    assert not User.objects.filter(username__in=["strict-eva", "12345"]).exists()
