"""Staff disable and enable people and parties, with a reason, and it acts at once."""

from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from paysettle.dashboard.tests.staff import browser_of, member, text
from paysettle.identity.models import AdminAction, LoginSession, Party, User
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
