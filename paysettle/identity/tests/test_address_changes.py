"""Another e-mail address: confirmed on the old one and on the new one, or nothing changes."""

import secrets
from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import Any
from unittest.mock import Mock

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.utils import timezone

from paysettle.api import throttling
from paysettle.events.models import Event
from paysettle.identity import address_mail, mail_throttle, queries
from paysettle.identity.models import AddressChange, User
from paysettle.identity.operations import address_changes, addresses
from paysettle.identity.tests.app_client import AUTH, Answer, App, at_once, code_mailed_to
from paysettle.identity.tests.people import Person, person
from tests.companies import send
from tests.people import person as customer
from tests.plugin import ALL
from tests.throttled import as_in_production

pytestmark = pytest.mark.shared(*ALL)  # the unique digest is there because of MySQL

PATH = "/api/v1/me/address"
WRONG = "BBBB-BBBB"


def new_address() -> str:
    return f"new-{secrets.token_hex(4)}@example.org"


class Mover:
    """Somebody who wants another address, and reads both mailboxes."""

    def __init__(self, who: Person, email: str) -> None:
        self.who, self.email, self.app = who, email, who.app()

    def post(self, path: str, body: Any) -> Answer:
        return self.app.call("POST", path, body, Authorization=f"Bearer {self.app.access_token}")

    def ask(self) -> Answer:
        return self.post(PATH, {"email": self.email})

    def confirm(self, *, old: str | None = None, new: str | None = None, email: str | None = None) -> Answer:
        """Bring the codes that came, or others."""
        body = {
            "email": email or self.email,
            "code_from_old": old or code_mailed_to(self.who.email) or WRONG,
            "code_from_new": new or code_mailed_to(self.email) or WRONG,
        }
        return self.post(f"{PATH}/confirm", body)

    @property
    def stayed(self) -> bool:
        """Whether the person's address is the one of before."""
        return queries.people_with_verified_address(self.who.email) == [self.who.user]


def mover() -> Mover:
    found = Mover(person("ana"), new_address())
    assert found.ask().status == 202
    return found


def test_with_both_codes_it_takes_the_place_of_the_old_one() -> None:
    ana = mover()
    assert ana.stayed, "asking changes nothing"
    assert ana.confirm().status == 204
    assert queries.people_with_verified_address(ana.email) == [ana.who.user]
    assert list(EmailAddress.objects.filter(user=ana.who.user).values_list("email", flat=True)) == [ana.email]
    assert User.objects.get(id=ana.who.user.id).email == ana.email
    assert Event.objects.filter(stream=ana.who.caller.actor, type="paysettle.person.address_changed.v1").exists()
    assert App().sign_in(email=ana.who.email).status == 400
    assert App().sign_in(email=ana.email).status == 200
    other = person("ben")
    assert addresses.is_free(by=other.user, email=ana.who.email), "the old one is anybody's"
    assert ana.confirm().code == "no_address_change", "the codes are good for once"


def test_the_former_address_is_told_and_where_that_fails_the_change_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    def last_mail(to: str) -> tuple[str, str]:
        found = [message for message in mail.outbox if message.to == [to]][-1]
        return str(found.subject), str(found.body)

    ana = mover()
    assert ana.confirm().status == 204
    subject, text = last_mail(ana.who.email)
    assert subject == "Your e-mail address was replaced"
    assert ana.who.handle in text
    assert ana.email not in text
    ben = mover()
    old, new = code_mailed_to(ben.who.email), code_mailed_to(ben.email)
    monkeypatch.setattr(address_mail, "_send", Mock(side_effect=ConnectionRefusedError))
    assert ben.confirm(old=old, new=new).status == 204
    assert not ben.stayed
    assert last_mail(ben.who.email)[0] == "Your e-mail address shall change"


@pytest.mark.parametrize("wrong", [{"old": WRONG}, {"new": WRONG}, {"email": "else@example.org"}])
def test_one_of_them_is_not_enough(wrong: dict[str, str]) -> None:
    ana = mover()
    answer = ana.confirm(**wrong)
    assert (answer.status, answer.code, answer.json["attempts_left"]) == (403, "wrong_address_codes", 2)
    assert ana.stayed


def test_control_if_one_were_enough_a_stolen_session_takes_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the code of the old address is not compared."""
    fits = address_changes._fits

    def careless(waiting: AddressChange, address: str, old_code: str, new_code: str) -> bool:
        waiting.old_code_digest = address_changes._digest(old_code)
        return fits(waiting, address, old_code, new_code)

    monkeypatch.setattr(address_changes, "_fits", careless)
    eve = mover()
    assert eve.confirm(old=WRONG).status == 204
    assert not eve.stayed


def test_the_two_codes_are_not_each_others() -> None:
    ana = mover()
    old, new = code_mailed_to(ana.who.email), code_mailed_to(ana.email)
    assert ana.confirm(old=new, new=old).code == "wrong_address_codes"


def test_the_third_wrong_attempt_ends_it() -> None:
    ana = mover()
    assert [ana.confirm(old=WRONG).json.get("attempts_left") for _ in range(3)] == [2, 1, 0]
    assert ana.confirm().code == "no_address_change"
    assert ana.stayed


def test_guesses_at_the_same_time_are_all_counted() -> None:
    ana = mover()
    codes = [answer.code for answer in at_once(*[lambda: ana.confirm(old=WRONG)] * 8)]
    assert codes.count("wrong_address_codes") == 3
    assert codes.count("no_address_change") == 5


def test_it_expires() -> None:
    ana = mover()
    AddressChange.objects.filter(user=ana.who.user).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert ana.confirm().code == "no_address_change"
    assert ana.stayed


def test_another_one_may_be_asked_for_after_a_while_and_replaces_it() -> None:
    ana = mover()
    first = code_mailed_to(ana.who.email)
    answer = ana.ask()
    assert (answer.status, answer.code) == (429, "too_many_address_changes")
    assert 0 < int(answer.headers["Retry-After"]) <= 181
    earlier = timezone.now() - address_changes.PAUSE
    AddressChange.objects.filter(user=ana.who.user).update(created_at=earlier)
    assert ana.ask().status == 202
    assert ana.confirm(old=first).code == "wrong_address_codes"
    assert ana.confirm().status == 204


def test_an_address_of_somebody_else_answers_alike_and_gets_no_code() -> None:
    ben = person("ben")
    mail.outbox.clear()
    ana = Mover(person("ana"), ben.email)
    assert (ana.ask().status, sorted(m.to[0] for m in mail.outbox)) == (202, sorted([ana.who.email, ben.email]))
    assert code_mailed_to(ben.email) is None
    assert ana.confirm().code == "wrong_address_codes"
    assert queries.people_with_verified_address(ben.email) == [ben.user]


def test_of_two_who_confirm_one_address_one_succeeds() -> None:
    email = new_address()
    ana, ben = Mover(person("ana"), email), Mover(person("ben"), email)
    codes = []
    for one in (ana, ben):
        assert one.ask().status == 202
        codes.append((code_mailed_to(one.who.email), code_mailed_to(email)))
    answers = at_once(*[lambda m=m, c=c: m.confirm(old=c[0], new=c[1]) for m, c in zip((ana, ben), codes, strict=True)])
    assert sorted(answer.status for answer in answers) == [204, 409]
    assert {answer.code for answer in answers} == {None, "address_taken"}
    assert sorted([ana.stayed, ben.stayed]) == [False, True]


def test_what_cannot_be_an_address_or_is_the_same_is_refused() -> None:
    ana = person("ana")
    for email, code in (
        (ana.email.upper(), "same_address"),
        ("no address", "invalid_request"),
        ("", "invalid_request"),
    ):
        assert Mover(ana, email).ask().code == code
    assert not AddressChange.objects.filter(user=ana.user).exists()


def test_when_the_mail_server_is_away_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise SMTPServerDisconnected

    ana = Mover(person("ana"), new_address())
    with monkeypatch.context() as patch:
        patch.setattr(address_mail, "send_new_code", away)
        answer = ana.ask()
    assert (answer.status, answer.code) == (503, "address_change_not_sent")
    assert ana.ask().status == 202, "one may ask again at once"


def test_nothing_of_it_is_stored_in_the_clear() -> None:
    ana = mover()
    stored = str(AddressChange.objects.filter(user=ana.who.user).values())
    for text in (ana.email, code_mailed_to(ana.email), code_mailed_to(ana.who.email)):
        assert text
        assert text not in stored
        assert text.encode().hex() not in stored


def test_there_is_no_other_way() -> None:
    """Allauth would replace an address once the new one alone is confirmed."""
    app = App()
    ana = person("ana")
    app.sign_in(username=ana.handle)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert app.call(method, f"{AUTH}/account/email", {"email": new_address()}).status in {400, 404}
    assert queries.people_with_verified_address(ana.email) == [ana.user]


def asked_in_a_row(most: int) -> list[int]:
    """Let several people at one place ask for one address, which is nobody's of them; return the answers."""
    wanted = new_address()
    with as_in_production():
        return [send(customer("eve"), "POST", PATH, {"email": wanted}).status for _ in range(most + 1)]


def test_mails_to_an_address_are_counted_whoever_asks() -> None:
    most = throttling.MAIL_FROM_ADDRESS.most
    assert asked_in_a_row(most) == [202] * most + [429]


def test_control_unless_they_are_counted_anybody_gets_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug, which was one: each account has a pause of its own, and anybody has any number of accounts."""
    monkeypatch.setattr(mail_throttle, "take", lambda *_, **__: None)
    most = throttling.MAIL_FROM_ADDRESS.most
    assert asked_in_a_row(most) == [202] * (most + 1)
