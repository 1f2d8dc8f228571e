"""Staff disable and enable people and parties, with a reason, and it acts at once."""

from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from paysettle.dashboard.tests.staff import browser_of, member, record_url, text
from paysettle.identity.models import AdminAction, LoginSession, Party, User
from paysettle.identity.operations import closing
from paysettle.kernel import identifiers
from paysettle.ledger import accounts
from paysettle.ledger.models import Account
from tests.people import PASSWORD, Person, deposit, pay, person


@pytest.fixture
def boss() -> Person:
    return member("boss")


@pytest.fixture
def staff(boss: Person) -> Client:
    return browser_of(boss)


def person_url(verb: str, of: Person) -> str:
    return reverse(f"admin:identity_user_{verb}", args=[of.user.id])


def party_url(verb: str, of: Person) -> str:
    return reverse(f"admin:identity_party_{verb}", args=[of.party_id])


def wallet_url(verb: str, wallet: Account) -> str:
    return reverse(f"admin:ledger_account_{verb}", args=[wallet.id])


def test_a_person_is_out_at_once_and_comes_back(staff: Client, boss: Person) -> None:
    dara = member("dara")
    daras = browser_of(dara)
    assert daras.get(reverse("admin:index")).status_code == 200
    asked = staff.get(person_url("disable", dara))
    assert "All their sessions end at once" in text(asked)
    assert User.objects.get(id=dara.user.id).is_active, "looking changes nothing"

    answer = staff.post(person_url("disable", dara), {"reason": "left the company"}, follow=True)
    assert f"{dara.handle} is disabled." in text(answer)
    assert "left the company" in text(answer)
    assert not LoginSession.objects.filter(user=dara.user, ended_at=None).exists()
    assert daras.get(reverse("admin:index")).status_code == 302
    refused = Client().post(reverse("admin:login"), {"username": dara.handle, "password": PASSWORD})
    assert refused.status_code == 403

    answer = staff.post(person_url("enable", dara), {"reason": "came back"}, follow=True)
    assert f"{dara.handle} is enabled." in text(answer)
    assert daras.get(reverse("admin:index")).status_code == 302, "an ended session stays ended"
    assert browser_of(dara).get(reverse("admin:index")).status_code == 200
    actions = AdminAction.objects.filter(subject_id=dara.user.id).order_by("id")
    assert [(action.verb, action.actor) for action in actions] == [
        ("disabled", boss.caller.actor),
        ("enabled", boss.caller.actor),
    ]


def test_a_person_is_signed_out_and_may_come_back_at_once(staff: Client) -> None:
    dara = member("dara")
    daras = browser_of(dara)
    assert "They can sign in again at once." in text(staff.get(person_url("sign-out", dara)))
    assert daras.get(reverse("admin:index")).status_code == 200, "looking changes nothing"
    answer = staff.post(person_url("sign-out", dara), {"reason": "a lost phone"}, follow=True)
    assert f"{dara.handle} is signed out." in text(answer)
    assert "a lost phone" in text(answer)
    assert daras.get(reverse("admin:index")).status_code == 302
    assert browser_of(dara).get(reverse("admin:index")).status_code == 200


def test_a_party_cannot_pay_any_more(staff: Client) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    answer = staff.post(party_url("disable", ana), {"reason": "a court order"})
    assert urlsplit(answer.headers["Location"]).path == reverse("admin:identity_party_change", args=[ana.party_id])
    assert pay(ben, ana, 1).status == 422
    assert Party.objects.get(id=ana.party_id).state == "disabled"
    assert "Its money" not in text(staff.get(party_url("enable", ana)))
    staff.post(party_url("enable", ana), {"reason": "lifted"})
    assert pay(ana, ben, 1).status == 201


def test_the_money_of_a_wallet_stays_where_it_is_until_it_is_reopened(staff: Client, boss: Person) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    wallet = Account.objects.get(owner_id=ana.party_id)
    answer = staff.post(wallet_url("freeze", wallet), {"reason": "a chargeback"}, follow=True)
    assert f"{identifiers.show('acc', wallet.id)} is frozen." in text(answer)
    assert "a chargeback" in text(answer)
    assert pay(ana, ben, 1).document()["code"] == "account_frozen"
    staff.post(wallet_url("reopen", wallet), {"reason": "settled"})
    assert pay(ana, ben, 1).status == 201
    actions = AdminAction.objects.filter(subject_id=wallet.id).order_by("id")
    assert [(action.verb, action.actor) for action in actions] == [
        ("frozen", boss.caller.actor),
        ("reopened", boss.caller.actor),
    ]


def test_an_empty_wallet_is_closed_for_good_and_offers_nothing_more(staff: Client) -> None:
    ana = person("ana")
    deposit(ana, 100)
    full, empty = Account.objects.get(owner_id=ana.party_id), Account(id=accounts.wallet(ana.party_id, "USD"))
    refused = staff.post(wallet_url("close", full), {"reason": "unused"})
    assert refused.status_code == 409
    assert Account.objects.get(id=full.id).state == "open"
    page = text(staff.post(wallet_url("close", empty), {"reason": "unused"}, follow=True))
    assert "is closed." in page
    assert wallet_url("reopen", empty) not in page


def test_a_closed_account_offers_nothing_more(staff: Client) -> None:
    ana = person("ana")
    closing.close_own(by=ana.caller)
    for url in (record_url(ana.user), record_url(Party.objects.get(id=ana.party_id))):
        page = text(staff.get(url))
        assert "closed" in page or "disabled" in page
        assert "/enable/" not in page


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_without_a_proper_reason_nothing_happens(staff: Client, reason: str) -> None:
    ana = person("ana")
    for url in (person_url("disable", ana), party_url("disable", ana)):
        answer = staff.post(url, {"reason": reason})
        assert answer.status_code == 422
        assert "A reason of 1 to 500 printable characters is needed." in text(answer)
    assert User.objects.get(id=ana.user.id).is_active
    assert Party.objects.get(id=ana.party_id).state == "active"


def test_nobody_disables_themself(staff: Client, boss: Person) -> None:
    answer = staff.post(person_url("disable", boss), {"reason": "tired"})
    assert answer.status_code == 409
    assert "You cannot disable yourself" in text(answer)
    assert User.objects.get(id=boss.user.id).is_active


def test_what_is_so_already_is_said(staff: Client) -> None:
    ana = person("ana")
    assert f"{ana.handle} is enabled already." in text(staff.get(person_url("enable", ana)))


def test_others_and_forged_forms_change_nothing(boss: Person) -> None:
    ana, cleo = person("ana"), person("cleo")
    somebody = Client()
    somebody.force_login(cleo.user)
    for client in (Client(), somebody):
        assert client.post(person_url("disable", ana), {"reason": "because"}).status_code == 302
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(boss.user)
    assert forged.post(person_url("disable", ana), {"reason": "because"}).status_code == 403
    assert User.objects.get(id=ana.user.id).is_active
