"""An address belongs to one person."""

import itertools
import secrets
from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.management import call_command
from django.test import override_settings

from paysettle.identity import addresses as digests
from paysettle.identity import queries
from paysettle.identity.models import User, VerifiedAddress
from paysettle.identity.operations import addresses, registration
from paysettle.identity.operations.addresses import AddressTaken
from paysettle.identity.tests.app_client import AUTH, PASSWORD, App, at_once, code_mailed_to
from paysettle.identity.tests.people import person
from paysettle.kernel import transactions

pytestmark = pytest.mark.money  # the unique digest is there because of MySQL


def new_address() -> str:
    return f"a-{secrets.token_hex(4)}@example.org"


def unverified(name: str) -> User:
    return registration.register(handle=f"{name}-{secrets.token_hex(4)}", email=new_address(), password=PASSWORD)


def winners_of_a_race(people: list[User], email: str) -> int:
    """Let several people verify one address at the same moment; return how many succeeded."""

    def verify(user: User) -> bool:
        try:
            addresses.verify(by=user, email=email)
        except AddressTaken:
            return False
        return True

    return sum(at_once(*[lambda user=user: verify(user) for user in people]))


@pytest.mark.parametrize("count", [2, 6])
def test_of_several_who_verify_one_address_at_once_one_succeeds(count: int) -> None:
    email = new_address()
    assert winners_of_a_race([unverified("ana") for _ in range(count)], email) == 1
    assert VerifiedAddress.objects.filter(digest=digests.digest(email)).count() == 1
    assert EmailAddress.objects.filter(email=email, verified=True).count() == 1


def test_control_without_the_unique_digest_all_succeed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: nothing in the database holds two verifications of one address apart."""
    numbers = itertools.count()
    monkeypatch.setattr(digests, "digest", lambda _address: next(numbers).to_bytes(8) + secrets.token_bytes(24))
    monkeypatch.setattr(addresses, "_holder", lambda _address: None)
    # A database with allauth's own constraint would notice; MySQL and MariaDB have none.
    monkeypatch.setattr(EmailAddress.objects, "update_or_create", lambda **_: None)
    assert winners_of_a_race([unverified("ana") for _ in range(2)], new_address()) == 2


def verified_elsewhere() -> tuple[App, str, User]:
    """Sign up on two devices at once, each with a code, and verify by the first; return the second with its code."""
    first, handle, email = App(), f"ana-{secrets.token_hex(4)}", new_address()
    first.sign_up(handle, email)
    code = code_mailed_to(email)
    second = App()
    second.sign_in(username=handle)
    late = code_mailed_to(email)
    assert code is not None
    assert late is not None
    assert late != code
    assert first.verify(code).status == 200
    return second, late, User.objects.get(username=handle)


def test_a_second_code_of_a_sign_up_has_nothing_to_verify() -> None:
    device, late, _ = verified_elsewhere()
    assert device.verify(late).status == 409
    assert device.access_token == ""


def late_code() -> tuple[App, str, str]:
    """The same, and another address with both codes; return the second device with its code, and that address."""
    second, late, user = verified_elsewhere()
    taken = new_address()
    transactions.run(lambda tx: addresses.attach(user, taken, at=tx.read_clock()))
    return second, late, taken


def test_a_late_code_of_a_sign_up_replaces_no_address() -> None:
    device, late, taken = late_code()
    answer = device.verify(late)
    assert (answer.status, answer.code) == (400, "email_taken")
    assert VerifiedAddress.objects.filter(digest=digests.digest(taken)).exists()


def test_control_unless_somebody_looks_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug, which was one: the address that both mailboxes have confirmed is lost to whoever has one."""
    device, late, taken = late_code()

    def attach(*, by: User, email: str) -> None:
        transactions.run(lambda tx: addresses.attach(by, email, at=tx.read_clock()))

    monkeypatch.setattr(addresses, "verify", attach)
    assert device.verify(late).status == 200
    assert not VerifiedAddress.objects.filter(digest=digests.digest(taken)).exists()


def test_the_loser_over_http_is_told() -> None:
    """Two people claim one address, and both get a code before either verifies."""
    email = new_address()
    apps: list[tuple[App, str]] = []
    for name in ("ana", "ben"):
        app = App()
        app.sign_up(f"{name}-{secrets.token_hex(4)}", email)
        code = code_mailed_to(email)
        assert code is not None
        apps.append((app, code))
    answers = at_once(*[lambda app=app, code=code: app.verify(code) for app, code in apps])
    assert sorted(answer.status for answer in answers) == [200, 400]
    assert {answer.code for answer in answers} == {None, "email_taken"}
    assert sorted(bool(app.access_token) for app, _ in apps) == [False, True]


@pytest.mark.parametrize("spelling", [str.upper, str.title, lambda address: f" {address}"])
def test_other_spellings_are_the_same_address(spelling: Callable[[str], str]) -> None:
    email = new_address()
    addresses.verify(by=unverified("ana"), email=email)
    with pytest.raises(AddressTaken):
        addresses.verify(by=unverified("ben"), email=spelling(email))


def test_no_code_for_a_new_password_goes_to_an_address_that_was_only_claimed() -> None:
    """Otherwise that code would count as its verification, past the unique digest."""
    email, handle = new_address(), f"eve-{secrets.token_hex(4)}"
    App().sign_up(handle, email)
    mail.outbox.clear()
    App().call("POST", f"{AUTH}/auth/password/request", {"email": email})
    assert code_mailed_to(email) is None
    assert [message.to for message in mail.outbox] == [[email]]


def test_the_digest_needs_the_key() -> None:
    with override_settings(SECRET_KEY="another key entirely"):
        other = digests.digest("ana@example.org")
    assert other != digests.digest("ana@example.org")


def test_after_a_change_of_the_secret_key_the_digests_are_computed_anew() -> None:
    ana = person("ana")
    with override_settings(SECRET_KEY="another key entirely"):
        assert queries.people_with_verified_address(ana.email) == []
        call_command("rekey_addresses", verbosity=0)
        assert queries.people_with_verified_address(ana.email) == [ana.user]
    call_command("rekey_addresses", verbosity=0)
    assert queries.people_with_verified_address(ana.email) == [ana.user]


def test_mails_name_this_installation_and_not_the_host_header() -> None:
    email = new_address()
    body = {"username": f"ana-{secrets.token_hex(4)}", "email": email, "password": PASSWORD}
    App().call("POST", f"{AUTH}/auth/signup", body, Host="localhost:666")
    text = f"{mail.outbox[-1].subject} {mail.outbox[-1].body}"
    assert "666" not in text
    assert "http://127.0.0.1:8000" in text
