"""No answer tells whether an address belongs to somebody."""

import secrets
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from allauth.headless.account.inputs import ResetPasswordInput
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.core import mail
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from paysettle.identity import forms
from paysettle.identity.api.password_reset import ResetPasswordView
from paysettle.identity.models import User
from paysettle.identity.tests.app_client import AUTH, PASSWORD, App, code_mailed_to
from paysettle.identity.tests.people import person
from tests import timing

pytestmark = pytest.mark.shared


def unknown_address() -> str:
    return f"nobody-{secrets.token_hex(4)}@example.org"


def new_handle() -> str:
    return f"new-{secrets.token_hex(4)}"


def test_signing_up_answers_alike() -> None:
    known = App().sign_up(new_handle(), person("ana").email)
    unknown = App().sign_up(new_handle(), unknown_address())
    assert known.shape() == unknown.shape()


def test_the_owner_is_told_and_the_code_is_sent_to_nobody() -> None:
    ana = person("ana")
    App().sign_up(new_handle(), ana.email)
    told = [message for message in mail.outbox if message.to == [ana.email]]
    assert "already exists" in told[-1].body
    assert code_mailed_to(ana.email) is None


def handle_is_free_afterwards(email: str) -> bool:
    """Sign up with an address, then with the same handle and another address; tell whether that went through."""
    handle = new_handle()
    App().sign_up(handle, email)
    return App().sign_up(handle, unknown_address()).code != "username_taken"


def test_the_handle_does_not_tell_either() -> None:
    assert handle_is_free_afterwards(person("ana").email) == handle_is_free_afterwards(unknown_address())


def test_control_with_the_form_of_allauth_the_handle_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: no person is made where the address is known, so the handle stays free."""
    monkeypatch.setattr(forms.SignUpForm, "clean", lambda form: form.cleaned_data)
    assert handle_is_free_afterwards(person("ana").email) != handle_is_free_afterwards(unknown_address())


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_code_for_a_reset_is_wrong_for_everybody(method: str) -> None:
    answers = []
    for email in (person("ana").email, unknown_address()):
        app = App()
        assert app.call("POST", f"{AUTH}/auth/password/request", {"email": email}).status == 401
        body = {"key": "AAAA-BBBB", "password": "a new and long phrase"} if method == "POST" else None
        headers = {"X-Password-Reset-Key": "AAAA-BBBB"} if method == "GET" else {}
        # One more than are let through.
        answers += [app.call(method, f"{AUTH}/auth/password/reset", body, **headers) for _ in range(4)]
    known, unknown = answers[:4], answers[4:]
    assert [answer.status for answer in known] == [answer.status for answer in unknown]
    assert [answer.shape() for answer in known] == [answer.shape() for answer in unknown]
    assert known[0].status == 400
    assert known[-1].status == 409


def test_nor_does_signing_in_with_what_one_signed_up_with() -> None:
    shapes = []
    for email in (person("ana").email, unknown_address()):
        handle = new_handle()
        App().sign_up(handle, email)
        shapes.append(App().sign_in(username=handle).shape())
    assert shapes[0] == shapes[1]


def test_somebody_who_claims_an_address_first_does_not_keep_its_owner_out() -> None:
    email = unknown_address()
    App().sign_up(new_handle(), email)  # claimed, never verified
    owner, handle = App(), new_handle()
    mail.outbox.clear()
    owner.sign_up(handle, email)
    code = code_mailed_to(email)
    assert code is not None
    assert owner.verify(code).status == 200
    assert App().sign_in(email=email).status == 200


def test_signing_in_answers_alike() -> None:
    ana = person("ana")
    known = App().sign_in("a wrong password", email=ana.email)
    unknown = App().sign_in("a wrong password", email=unknown_address())
    assert known.shape() == unknown.shape()
    by_name = App().sign_in("a wrong password", username=ana.handle)
    no_name = App().sign_in("a wrong password", username=new_handle())
    assert by_name.shape() == no_name.shape()


def claimed(address: str) -> str:
    """Sign up with an address that stays unverified, and return the address."""
    assert App().sign_up(new_handle(), address).status == 401
    return address


class CountingHasher(MD5PasswordHasher):
    """Counts how often a password is hashed, be it to compare it, to store it, or for nobody."""

    count = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.count += 1
        return super().encode(password, salt)


def answers_and_costs(password: str) -> list[tuple[Any, int, int]]:
    """Sign in by an address that nobody has, and by one that three people claim.

    Return for each what is answered, how often something was hashed, and how often the database was asked.
    """
    found = []
    with override_settings(PASSWORD_HASHERS=[f"{__name__}.CountingHasher"]):
        for address in (unknown_address(), claimed(claimed(claimed(unknown_address())))):
            CountingHasher.count = 0
            with CaptureQueriesContext(connection) as asked:
                answer = App().sign_in(password, email=address)
            found.append((answer.shape(), CountingHasher.count, len(asked)))
    return found


@pytest.mark.parametrize("password", [PASSWORD, "a wrong password"])
def test_an_address_that_is_merely_claimed_is_nobodys(password: str) -> None:
    unknown, of_three = answers_and_costs(password)
    assert unknown == of_three
    assert (unknown[0][0], unknown[1]) == (400, 1)


@pytest.mark.parametrize("password", [PASSWORD, "a wrong password"])
def test_control_with_the_backend_of_allauth_a_claim_shows(password: str) -> None:
    """The planted bug: everybody who claims an address is tried."""
    with override_settings(AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"]):
        unknown, of_three = answers_and_costs(password)
    if password == PASSWORD:
        assert unknown[0] != of_three[0]
    else:
        assert (unknown[1], of_three[1]) == (1, 3)


def test_whoever_has_not_verified_yet_signs_in_by_handle() -> None:
    app, handle, email = App(), new_handle(), unknown_address()
    App().sign_up(handle, email)
    assert app.sign_in(username=handle).status == 401
    code = code_mailed_to(email)
    assert code is not None
    assert app.verify(code).status == 200
    assert App().sign_in(email=email).status == 200


def test_another_spelling_of_a_verified_address_is_the_same_and_mails_nobody() -> None:
    ana = person("sam")
    typed = ana.email.replace("s", "\u017f", 1).upper().replace("S", "\u017f", 1)
    mail.outbox.clear()
    assert App().sign_in(email=typed).status == 200
    assert mail.outbox == []


def both_steps(email: str, password: str) -> list[Any]:
    """Ask for a new password and choose one, with a wrong code; return both answers."""
    app = App()
    first = app.call("POST", f"{AUTH}/auth/password/request", {"email": email})
    second = app.call("POST", f"{AUTH}/auth/password/reset", {"key": "AAAA-AAAA", "password": password})
    return [first.shape(), second.shape()]


PASSWORDS = ["a new and long phrase", "x" * 20, "short", "x" * 300, "{handle}-2024"]


@pytest.mark.parametrize("password", PASSWORDS)
def test_asking_for_a_new_password_answers_alike(password: str) -> None:
    ana = person("ana")
    said = password.format(handle=ana.handle)
    assert both_steps(ana.email, said) == both_steps(unknown_address(), said)


@pytest.mark.parametrize("password", PASSWORDS[1:])
def test_control_a_password_that_is_judged_without_the_code_tells(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: allauth's own input, which judges the password of whoever is known."""
    monkeypatch.setattr(ResetPasswordView, "input_class", ResetPasswordInput)
    ana = person("ana")
    said = password.format(handle=ana.handle)
    assert both_steps(ana.email, said) != both_steps(unknown_address(), said)


def test_adding_an_address_answers_alike() -> None:
    def add(email: str) -> Any:
        app = person("ben").app()
        body = {"email": email}
        answer = app.call("POST", "/api/v1/me/address", body, Authorization=f"Bearer {app.access_token}")
        return answer.status, answer.json.keys()

    ana = person("ana")
    assert add(ana.email) == add(unknown_address()) == (202, {"expires_at"})
    assert code_mailed_to(ana.email) is None


AS_IN_PRODUCTION = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.Argon2PasswordHasher"])


def a_hash_tells() -> bool:
    """Return whether signing in with a wrong password takes another time for somebody than for nobody: by half a hash.

    In processor time. The password is hashed in either case, which is most of the time.
    """

    def sign_in(email: str) -> None:
        App().sign_in("a wrong password", email=email)

    def pairs() -> Iterator[tuple[timing.Call, timing.Call]]:
        while True:  # each anew, or the throttle would answer
            yield partial(sign_in, person("ana").email), partial(sign_in, unknown_address())

    began_s = time.process_time()
    make_password("a wrong password")
    return timing.differ(pairs(), by_s=(time.process_time() - began_s) / 2, clock=time.process_time)


@pytest.mark.once
@AS_IN_PRODUCTION
def test_signing_in_takes_as_long_for_a_stranger() -> None:
    assert not a_hash_tells()


@pytest.mark.once
@AS_IN_PRODUCTION
def test_control_without_hashing_a_stranger_is_answered_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: no password is hashed where nobody is found."""
    monkeypatch.setattr(
        "allauth.account.auth_backends.AuthenticationBackend._mitigate_timing_attack", lambda _self, _password: None
    )
    assert a_hash_tells()


def test_the_user_list_holds_the_claims() -> None:
    """A sign-up with a known address makes a person like any other, who can never verify it."""
    ana = person("ana")
    handle = new_handle()
    App().sign_up(handle, ana.email)
    assert User.objects.filter(username=handle, email=ana.email).exists()
