"""Signing in as staff: one sentence for every failure, and a limit for each account and each address."""

import json
import re
import secrets
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode

from paysettle.api import throttling
from paysettle.dashboard.tests.staff import browser_of, member, text
from paysettle.identity.models import LoginSession, User
from tests.codes import code_of
from tests.people import PASSWORD, person
from tests.throttled import as_in_production

REFUSED = "This user name and password do not open the staff&#x27;s pages."


@pytest.fixture
def one_window() -> Iterator[None]:
    """Let limits be what they are in production, and no window end during a test."""
    with as_in_production():
        yield


def sign_in(name: str, password: str, *, address: str = "127.0.0.1", **headers: str) -> tuple[int, str]:
    answer = Client().post(
        reverse("admin:login"), {"username": name, "password": password}, REMOTE_ADDR=address, headers=headers
    )
    return answer.status_code, text(answer)


def some_address() -> str:
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


def test_it_works_and_begins_a_session_that_can_be_ended() -> None:
    dara = member("dara")
    before = LoginSession.objects.filter(user=dara.user).count()
    browser = browser_of(dara)
    assert browser.get(reverse("admin:index")).status_code == 200
    assert LoginSession.objects.filter(user=dara.user).count() == before + 1
    session = LoginSession.objects.filter(user=dara.user).order_by("-id")[0]
    assert browser.get(reverse("admin:logout")).status_code == 405
    assert browser.post(reverse("admin:logout")).status_code == 302
    session.refresh_from_db()
    assert session.end_reason == "signed_out"
    assert browser.get(reverse("admin:index")).status_code == 302


def test_the_password_is_hidden_and_a_manager_may_fill_it_in() -> None:
    page = text(Client().get(reverse("admin:login")))
    (field,) = re.findall(r'<input[^>]*name="password"[^>]*>', page)
    assert 'type="password"' in field
    assert 'autocomplete="current-password"' in field
    assert "onpaste" not in page


def test_every_failure_looks_alike() -> None:
    dara, ana, gone = member("dara"), person("ana"), member("gone")
    User.objects.filter(id=gone.user.id).update(is_active=False)
    address = some_address()
    for name, password in (
        (dara.handle, "wrong"),
        (dara.handle, ""),
        (dara.handle, "x" * 300),
        (dara.email, PASSWORD),
        (ana.handle, PASSWORD),
        (gone.handle, PASSWORD),
        ("nobody-at-all", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("", ""),
    ):
        status, page = sign_in(name, password, address=address)
        assert status == 403
        assert REFUSED in page
        assert password not in page or not password


@pytest.mark.usefixtures("one_window")
def test_an_account_allows_five_failures_from_an_address_whatever_the_spelling() -> None:
    dara, address = member("dara"), some_address()
    for n in range(5):
        name = dara.handle.upper() if n % 2 else f" {dara.handle} "
        assert sign_in(name, "wrong", address=address)[0] == 403
    answer = Client().post(reverse("admin:login"), {"username": dara.handle, "password": PASSWORD}, REMOTE_ADDR=address)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Too many requests" in text(answer)
    assert sign_in(dara.handle, PASSWORD, address=some_address())[0] == 302, "elsewhere the person signs in"


@pytest.mark.usefixtures("one_window")
def test_the_api_and_the_pages_count_together() -> None:
    dara, address = member("dara"), some_address()
    body = json.dumps({"username": dara.handle, "password": "wrong"})
    for _ in range(5):
        Client(REMOTE_ADDR=address).post("/_allauth/app/v1/auth/login", body, content_type="application/json")
    assert sign_in(dara.handle, PASSWORD, address=address)[0] == 429


@pytest.mark.usefixtures("one_window")
def test_an_address_allows_so_many_failures_whatever_it_says_it_is() -> None:
    address = some_address()
    for n in range(throttling.WRONG_FROM_ADDRESS.most):
        assert sign_in(f"Not A Handle {n}", "x", address=address, X_Forwarded_For=f"192.0.2.{n}")[0] == 403
    assert sign_in(member("dara").handle, PASSWORD, address=address, X_Forwarded_For="192.0.2.99")[0] == 429


@pytest.mark.usefixtures("one_window")
def test_success_does_not_count() -> None:
    dara, address = member("dara"), some_address()
    for _ in range(7):
        assert sign_in(dara.handle, PASSWORD, address=address)[0] == 302


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil.example"]
)
def test_the_page_after_it_is_ours(elsewhere: str) -> None:
    dara = member("dara")
    wanted = reverse("admin:payments_payment_changelist")
    for said, found in ((elsewhere, reverse("admin:index")), (wanted, wanted)):
        client = Client()
        form = {"username": dara.handle, "password": PASSWORD, "next": said}
        second = client.post(reverse("admin:login"), form).headers["Location"]
        assert second == f"{reverse('admin:second_factor')}?{urlencode({'next': found})}"
        answer = client.post(reverse("admin:second_factor"), {"code": code_of(dara.user), "next": said})
        assert answer.headers["Location"] == found


def test_whoever_is_not_staff_is_told_so_and_staff_need_not_sign_in_twice() -> None:
    ana = person("ana")
    client = Client()
    client.force_login(ana.user)
    assert f"You are signed in as {ana.handle}, who is not staff." in text(client.get(reverse("admin:login")))
    assert browser_of(member("dara")).get(reverse("admin:login")).status_code == 302


def test_a_form_without_its_token_is_refused() -> None:
    dara = member("dara")
    forged = Client(enforce_csrf_checks=True)
    assert forged.post(reverse("admin:login"), {"username": dara.handle, "password": PASSWORD}).status_code == 403
