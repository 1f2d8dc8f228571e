"""What staff change of others needs a session that has shown not long ago who is there."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.test import Client
from django.urls import reverse

from paysettle.dashboard.tests.staff import browser_of, member, text
from paysettle.identity import step_up
from paysettle.identity.models import LoginSession, User
from paysettle.identity.operations import staff
from paysettle.identity.roles import StaffRole
from paysettle.identity.step_up import StepUpRequired
from paysettle.kernel import throttles
from paysettle.kernel.throttles import Slot
from paysettle.ledger import accounts
from tests.codes import code_of
from tests.people import Person, person
from tests.throttled import as_in_production

CODE = reverse("admin:second_factor")
AN_HOUR = timedelta(hours=1)


def change_pages(of: Person) -> list[str]:
    """Return the pages on which staff change something of a person and their money."""
    wallet = accounts.wallet(of.party_id, "EUR")
    return [
        reverse("admin:identity_user_staff_role", args=[of.user.id]),
        *(reverse(f"admin:identity_user_{verb}", args=[of.user.id]) for verb in ("disable", "enable", "sign-out")),
        *(reverse(f"admin:identity_party_{verb}", args=[of.party_id]) for verb in ("disable", "enable")),
        *(reverse(f"admin:ledger_account_{verb}", args=[wallet]) for verb in ("freeze", "reopen", "close")),
    ]


def an_hour_later(who: Person) -> None:
    LoginSession.objects.filter(user=who.user).update(authenticated_at=F("authenticated_at") - AN_HOUR)


def long_signed_in() -> tuple[Person, Client]:
    boss = member("boss")
    browser = browser_of(boss)
    an_hour_later(boss)
    return boss, browser


def test_each_page_asks_for_a_code_first_and_nothing_has_changed() -> None:
    ana, (_, browser) = person("ana"), long_signed_in()
    before = User.objects.get(id=ana.user.id)
    for page in change_pages(ana):
        for answer in (browser.get(page), browser.post(page, {"reason": "a test", "role": "auditor"})):
            assert (answer.status_code, answer.headers["Location"].startswith(CODE)) == (302, True)
    after = User.objects.get(id=ana.user.id)
    assert (after.is_active, after.staff_role, after.version) == (True, "", before.version)


def test_a_code_leads_back_and_gives_the_session_another_key() -> None:
    ana, (boss, browser) = person("ana"), long_signed_in()
    page = change_pages(ana)[0]
    asked = browser.get(page, follow=True)
    assert page in text(asked)
    assert browser.post(CODE, {"code": "000000", "next": page}).status_code == 403
    assert browser.get(page).status_code == 302
    key = browser.session.session_key
    answer = browser.post(CODE, {"code": code_of(boss.user), "next": page})
    assert (answer.status_code, answer.headers["Location"]) == (302, page)
    assert browser.session.session_key != key
    assert browser.get(page).status_code == 200
    browser.post(page, {"role": "auditor", "reason": "joins"})
    assert User.objects.get(id=ana.user.id).staff_role == "auditor"


def wrong_codes() -> tuple[list[int], int]:
    """Enter wrong codes in one session and the right one in another of the same person; return all statuses."""
    boss, stolen = long_signed_in()
    own = browser_of(boss)
    an_hour_later(boss)
    page = change_pages(boss)[0]
    with as_in_production():
        statuses = [stolen.post(CODE, {"code": "000000", "next": page}).status_code for _ in range(6)]
        return statuses, own.post(CODE, {"code": code_of(boss.user), "next": page}).status_code


def test_wrong_codes_count_for_the_session_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Controls: nothing is counted; all is counted for whoever it may be."""
    assert wrong_codes() == ([403] * 5 + [429], 302)
    take = throttles.take
    with monkeypatch.context() as patch:
        patch.setattr(throttles, "take", lambda _limit, _subject: Slot(b""))
        assert wrong_codes() == ([403] * 6, 302)
    with monkeypatch.context() as patch:
        patch.setattr(throttles, "take", lambda limit, _subject: take(limit, "anybody"))
        assert wrong_codes() == ([403] * 5 + [429], 429)


def test_looking_needs_no_code() -> None:
    _, browser = long_signed_in()
    assert browser.get(reverse("admin:index")).status_code == 200


def appoint_after_an_hour() -> Person:
    """Let an administrator appoint somebody in an old session, whatever the page has asked."""
    ana, boss = person("ana"), member("boss")
    an_hour_later(boss)
    staff.appoint(by=boss.caller, user_id=ana.user.id, role=StaffRole.AUDITOR, reason="a test")
    return ana


def test_the_operation_asks_as_well() -> None:
    with pytest.raises(StepUpRequired):
        appoint_after_an_hour()


def test_control_without_the_question_an_old_session_appoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug, which was one: a session of staff that nobody sits at changes who is staff."""
    monkeypatch.setattr(step_up, "check", lambda *_: None)
    assert User.objects.get(id=appoint_after_an_hour().user.id).staff_role == "auditor"
