"""Which passwords are refused: common ones and what is made of them, words of the place, breached ones."""

import secrets
from hashlib import sha1
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings

from paysettle.identity import password_lists
from paysettle.identity.checks import breached_passwords_can_be_read
from paysettle.identity.models import User
from paysettle.identity.passwords import check_new_password

pytestmark = pytest.mark.once

ANA = User(username="margarethe", email="m.silva@padaria-central.example")


def codes(password: str, user: User | None = ANA) -> set[str]:
    """Return why a password is refused; nothing if it is not."""
    try:
        check_new_password(password, user)
    except ValidationError as error:
        return {str(one.code) for one in error.error_list}
    return set()


@pytest.mark.parametrize(
    "password",
    [
        "1q2w3e4r5t6y",  # on the list as it is
        "Password2024!",
        "p@ssw0rd2024!",
        "!!!!iloveyou!!!!",
        "I love you 2024",
        "qwertyqwertyqwerty",
        "MonkeyMonkey12",
        "aaaaaaaaaaaa",
        "abcabcabcabcabc",
        "abcdefghijklmnop",
        "123456789012",
        "qwertyuiopasdfghjkl",
        "zyxwvutsrqponml",
        "20242024202420242024",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44\uff11\uff12\uff13\uff14",  # full-width letters
    ],
)
def test_what_is_guessed_early_is_refused(password: str) -> None:
    assert "password_too_common" in codes(password)


def test_every_common_password_is_refused_once_it_is_long_enough() -> None:
    """The list has few that are: those, and all others made long enough as people do. That is far more than 3,000."""
    validator = password_lists.CommonPasswords()
    long_enough = 0
    for word in password_lists._common():
        password = word + "1" * max(0, 12 - len(word))
        long_enough += len(word) >= 12
        with pytest.raises(ValidationError):
            validator.validate(password)
    assert long_enough > 150
    assert len(password_lists._common()) > 19_000


def test_control_with_the_list_alone_they_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: only what stands there to the letter is refused."""
    monkeypatch.setattr(password_lists, "_forms", lambda password: {password.casefold()})
    assert codes("Password2024!") == set()
    assert "password_too_common" in codes("1q2w3e4r5t6y")


@pytest.mark.parametrize(
    "password",
    [
        "paysettle-2024",
        "Paysettle Paysettle",
        "margarethe-12",
        "silva.padaria",
        "central-margarethe",
        "m.silva@paysettle",
    ],
)
def test_words_of_the_place_and_the_person_are_refused(password: str) -> None:
    assert "password_too_similar" in codes(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "margarethe likes three lemons",
        "ben always pays on Sunday",
        "zwölf Boxkämpfer jagen",
        "パスワードではない長い文です",
        "qx7#mvd92kwpz",
        "    blanks around it    ",
        "no capital no digit no sign",
        "x" * 3 + "kzvbqwpmtrh" + "x" * 200,
        secrets.token_urlsafe(18),
        secrets.token_hex(16),
    ],
)
def test_others_are_welcome_whatever_they_are_made_of(password: str) -> None:
    assert codes(password) == set()


def test_the_length_is_all_that_is_asked_of_the_form() -> None:
    assert codes("kzvbqwpmtrh") == {"password_too_short"}
    long = secrets.token_hex(128)
    assert codes(long) == set()
    assert codes(long + "x") == {"password_too_long"}


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1000])
def test_a_breached_password_is_found_wherever_it_stands(size: int, tmp_path: Path) -> None:
    passwords = [f"{secrets.token_hex(8)} of nobody" for _ in range(size)]
    lines = sorted(f"{_sha1(password)}:{n}" for n, password in enumerate(passwords))
    file = tmp_path / "breached.txt"
    for ending in ("\n", "\r\n"):
        file.write_bytes((ending.join(lines) + ending).encode())
        with override_settings(BREACHED_PASSWORDS_FILE=str(file)):
            assert all(codes(password) == {"password_breached"} for password in passwords)
            assert all(codes(f"{secrets.token_hex(8)} of nobody") == set() for _ in range(100))
    # The control: without the list they pass.
    assert all(codes(password) == set() for password in passwords)


def test_an_empty_list_refuses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "breached.txt"
    file.touch()
    with override_settings(BREACHED_PASSWORDS_FILE=str(file)):
        assert codes("correct horse battery staple") == set()


def test_a_list_that_cannot_be_read_is_reported() -> None:
    assert breached_passwords_can_be_read() == []
    with override_settings(BREACHED_PASSWORDS_FILE="/nowhere/breached.txt"):
        (error,) = breached_passwords_can_be_read()
    assert error.id == "identity.E002"


def _sha1(password: str) -> str:
    return sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
