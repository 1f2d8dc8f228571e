"""An address that looks like somebody's, to us and not to a mail server, is nobody's (CVE-2019-19844)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils.encoding import force_str

from paysettle.identity import adapters
from paysettle.identity.api import password_reset
from paysettle.identity.api.password_reset import VerifiedAddressInput
from paysettle.identity.management.commands.create_admin import PASSWORD_VARIABLE
from paysettle.identity.tests.app_client import AUTH, PASSWORD, App
from tests.companies import company, new_handle, send
from tests.people import Person, person

SPELLINGS: dict[str, Callable[[str, str], str]] = {
    "long s before the at sign": lambda local, domain: f"{local.replace('s', chr(0x17F), 1)}@{domain}",
    "soft hyphen, which IDNA drops": lambda local, domain: f"{local}@{domain[:1]}\u00ad{domain[1:]}",
    "subscript a, unknown to the tables of IDNA": lambda local, domain: (
        f"{local}@{domain.replace('a', chr(0x2090), 1)}"
    ),
    "wide letters, which IDNA makes plain": lambda local, domain: f"{local}@{chr(ord(domain[0]) + 0xFEE0)}{domain[1:]}",
    "quotes": lambda local, domain: f'"{local}"@{domain}',
    "address of a machine": lambda local, _domain: f"{local}@[127.0.0.1]",
}
"""Other spellings of an address: another mailbox and one address to us, or one mailbox and another address to us."""


def look_alike(of: Person) -> str:
    """Return an address of another mailbox that is the same after Unicode's normalisation."""
    return of.email.replace("s", "\N{LATIN SMALL LETTER LONG S}", 1)


def sign_up(address: str) -> int:
    return App().sign_up(new_handle(), address).status


def reset(address: str) -> int:
    return App().call("POST", f"{AUTH}/auth/password/request", {"email": address}).status


def change(address: str) -> int:
    return send(person("eve"), "POST", "/api/v1/me/address", {"email": address}).status


def invite(address: str) -> int:
    firm = company(person("olga"))
    body = {"email": address, "role": "payer"}
    return send(firm.acted_for_by(firm.owner), "POST", f"{firm.path}/invitations", body).status


def find(address: str) -> int:
    return send(person("eve"), "POST", "/api/v1/payees/find", {"email": address}).status


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("door", [sign_up, reset, change, invite, find])
def test_it_is_refused_and_gets_no_mail(door: Callable[[str], int], spelling: str) -> None:
    sara = person("sara")
    mail.outbox.clear()
    assert door(SPELLINGS[spelling](*sara.email.split("@"))) in {400, 422}
    assert mail.outbox == []


def test_a_domain_of_another_script_is_written_as_it_is_sent() -> None:
    assert sign_up(f"{new_handle()}@m\N{LATIN SMALL LETTER U WITH DIAERESIS}ller.example") == 400
    mail.outbox.clear()
    assert sign_up(f"{new_handle()}@xn--mller-kva.example") == 401, "the code that was mailed is waited for"
    assert len(mail.outbox) == 1


def test_control_a_spelling_that_idna_drops_passes_the_throttle_of_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug, which was one: the domain was not looked at, and each spelling was an address of its own."""
    monkeypatch.setattr(adapters, "is_one_mailbox", lambda address: address.rpartition("@")[0].isascii())
    mail.outbox.clear()
    address = f"{new_handle()}@target.example"
    for spelling in (address, address.replace("target", "tar\u00adget"), address.replace("target", "targ\u200bet")):
        assert sign_up(spelling) == 401
    assert {force_str(message.message()["To"]) for message in mail.outbox} == {address}


def test_the_first_administrator_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    with pytest.raises(CommandError, match="ASCII"):
        call_command("create_admin", username=new_handle(), email="bo\N{LATIN SMALL LETTER LONG S}s@example.org")


def recipients_of_a_reset(of: Person, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ask for a new password by a look-alike that nothing refuses; return who gets the code."""
    monkeypatch.setattr(adapters, "is_one_mailbox", lambda _address: True)
    mail.outbox.clear()
    assert reset(look_alike(of)) == 401, "a code is waited for"
    return [recipient for message in mail.outbox for recipient in message.to]


def test_a_code_goes_to_the_address_that_was_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    sara = person("sara")
    assert recipients_of_a_reset(sara, monkeypatch) == [sara.email]


def test_control_a_code_for_whoever_typed_it_goes_to_the_look_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug, which was one: the person is found by the normal form, and the mail goes to what was typed."""
    clean: Any = VerifiedAddressInput.clean_email

    def as_typed(form: VerifiedAddressInput) -> str:
        clean(form)
        typed: str = form.data["email"]
        return typed

    monkeypatch.setattr(password_reset.VerifiedAddressInput, "clean_email", as_typed)
    sara = person("sara")
    assert recipients_of_a_reset(sara, monkeypatch) == [look_alike(sara)]
