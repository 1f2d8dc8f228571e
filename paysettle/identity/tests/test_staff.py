"""Who is staff: appointed and dismissed by administrators, never by oneself, and one administrator always remains."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection

from paysettle.events.models import Event
from paysettle.identity import timeouts
from paysettle.identity.caller import Caller
from paysettle.identity.models import AdminAction, LoginSession, User
from paysettle.identity.operations import closing, parties, people, staff
from paysettle.identity.operations.people import CannotDisableYourself
from paysettle.identity.operations.recording import ReasonMissing, StaffNotPermitted, StaffOnly
from paysettle.identity.operations.staff import LastAdministrator, OwnStaffRole
from paysettle.identity.roles import StaffRole
from paysettle.identity.standing import PartyClosed
from paysettle.identity.tests.app_client import at_once
from paysettle.identity.tests.people import Person, person
from paysettle.kernel import identifiers
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.identifiers import SYSTEM

OPERATOR = Caller(party_id=SYSTEM, operator="tests")
WHY = "a test"


def appointed(name: str, role: StaffRole) -> Person:
    """Make a member of staff in a role, with a second factor that their session has shown."""
    person("boss", staff=True)  # somebody must remain administrator
    made = person(name, staff=True)
    staff.appoint(by=OPERATOR, user_id=made.user.id, role=role, reason=WHY)
    return made


def role_of(who: Person) -> str:
    return User.objects.get(id=who.user.id).staff_role


@contextmanager
def no_other_administrators() -> Iterator[None]:
    """Let the administrators of other tests be none for a while."""
    others = list(User.objects.filter(staff_role=StaffRole.ADMINISTRATOR).values_list("id", flat=True))
    User.objects.filter(id__in=others).update(staff_role="")
    try:
        yield
    finally:
        User.objects.filter(id__in=others).update(staff_role=StaffRole.ADMINISTRATOR)


def test_an_administrator_appoints_changes_and_dismisses() -> None:
    boss, dara = person("boss", staff=True), person("dara")
    staff.appoint(by=boss.caller, user_id=dara.user.id, role=StaffRole.SUPPORT, reason="joins")
    staff.appoint(by=boss.caller, user_id=dara.user.id, role=StaffRole.AUDITOR, reason="moves on")
    staff.appoint(by=boss.caller, user_id=dara.user.id, role=StaffRole.AUDITOR, reason="again")  # changes nothing
    assert role_of(dara) == "auditor"
    staff.dismiss(by=boss.caller, user_id=dara.user.id, reason="leaves")
    assert not User.objects.get(id=dara.user.id).is_staff
    taken = AdminAction.objects.filter(subject_id=dara.user.id).order_by("id")
    assert [(action.verb, action.actor, action.reason) for action in taken] == [
        ("appointed", boss.caller.actor, "joins"),
        ("appointed", boss.caller.actor, "moves on"),
        ("dismissed", boss.caller.actor, "leaves"),
    ]
    told = Event.objects.filter(stream=dara.caller.actor, type="paysettle.person.staff_role_changed.v1")
    assert ["joins" in event.data for event in told] == [False, False, False]
    assert '"role":"none"' in told.order_by("position").last().data.replace(" ", "")  # type: ignore[union-attr]


@pytest.mark.parametrize("role", [role for role in StaffRole if role != StaffRole.ADMINISTRATOR])
def test_nobody_else_does(role: StaffRole) -> None:
    dara, ana = appointed("dara", role), person("ana")
    deeds: list[Callable[[], None]] = [
        lambda: staff.appoint(by=dara.caller, user_id=ana.user.id, role=StaffRole.SUPPORT, reason=WHY),
        lambda: staff.appoint(by=dara.caller, user_id=dara.user.id, role=StaffRole.ADMINISTRATOR, reason=WHY),
        lambda: staff.dismiss(by=dara.caller, user_id=person("boss", staff=True).user.id, reason=WHY),
    ]
    for deed in deeds:
        with pytest.raises(StaffNotPermitted):
            deed()
    with pytest.raises(StaffOnly):
        staff.appoint(by=ana.caller, user_id=ana.user.id, role=StaffRole.ADMINISTRATOR, reason=WHY)
    assert (role_of(dara), role_of(ana)) == (role, "")


def test_the_sessions_of_whoever_is_appointed_live_as_those_of_staff() -> None:
    dara = person("dara")
    assert dara.session.expires_at - dara.session.created_at > timeouts.STAFF.life
    staff.appoint(by=OPERATOR, user_id=dara.user.id, role=StaffRole.SUPPORT, reason=WHY)
    kept = LoginSession.objects.get(id=dara.session.id)
    assert kept.ended_at is None
    assert kept.expires_at - kept.created_at < timeouts.STAFF.life + timedelta(minutes=1)


def test_nobody_who_has_closed_their_account_is_appointed() -> None:
    ana = person("ana")
    closing.close_own(by=ana.caller)
    with pytest.raises(PartyClosed):
        staff.appoint(by=OPERATOR, user_id=ana.user.id, role=StaffRole.SUPPORT, reason=WHY)
    assert role_of(ana) == ""


def test_nobody_changes_their_own_role() -> None:
    boss = person("boss", staff=True)
    deeds: list[Callable[[], None]] = [
        lambda: staff.dismiss(by=boss.caller, user_id=boss.user.id, reason=WHY),
        lambda: staff.appoint(by=boss.caller, user_id=boss.user.id, role=StaffRole.AUDITOR, reason=WHY),
    ]
    for deed in deeds:
        with pytest.raises(OwnStaffRole):
            deed()
    assert role_of(boss) == "administrator"


def test_a_reason_and_a_person_are_needed() -> None:
    boss, ana = person("boss", staff=True), person("ana")
    with pytest.raises(ReasonMissing):
        staff.appoint(by=boss.caller, user_id=ana.user.id, role=StaffRole.SUPPORT, reason=" ")
    with pytest.raises(NotFound):
        staff.appoint(by=boss.caller, user_id=identifiers.new(), role=StaffRole.SUPPORT, reason=WHY)
    assert role_of(ana) == ""


LOSING: dict[str, Callable[[User], None]] = {
    "dismissed": lambda user: staff.dismiss(by=OPERATOR, user_id=user.id, reason=WHY),
    "another role": lambda user: staff.appoint(by=OPERATOR, user_id=user.id, role=StaffRole.AUDITOR, reason=WHY),
    "disabled": lambda user: people.disable(by=OPERATOR, user_id=user.id, reason=WHY),
    "their party disabled": lambda user: parties.disable(by=OPERATOR, party_id=user.own_party_id, reason=WHY),
}


@pytest.mark.parametrize("way", LOSING)
def test_the_last_administrator_remains(way: str) -> None:
    with no_other_administrators():
        last, gone = person("last", staff=True), person("gone", staff=True)
        people.disable(by=OPERATOR, user_id=gone.user.id, reason=WHY)  # who may not sign in does not count
        with pytest.raises(LastAdministrator):
            LOSING[way](last.user)
        assert role_of(last) == "administrator"
        person("other", staff=True)
        LOSING[way](last.user)
        staff.dismiss(by=OPERATOR, user_id=last.user.id, reason=WHY)
        people.enable(by=OPERATOR, user_id=gone.user.id, reason=WHY)


def test_staff_are_kept_out_by_those_who_manage_staff() -> None:
    risk, dara = appointed("risk", StaffRole.RISK_REVIEWER), person("dara", staff=True)
    deeds: list[Callable[[], None]] = [
        lambda: people.disable(by=risk.caller, user_id=dara.user.id, reason=WHY),
        lambda: parties.disable(by=risk.caller, party_id=dara.user.own_party_id, reason=WHY),
    ]
    for deed in deeds:
        with pytest.raises(StaffNotPermitted):
            deed()
    ana = person("ana")
    people.disable(by=risk.caller, user_id=ana.user.id, reason=WHY)
    with pytest.raises(CannotDisableYourself):
        people.disable(by=risk.caller, user_id=risk.user.id, reason=WHY)
    assert User.objects.get(id=dara.user.id).is_active
    assert not User.objects.get(id=ana.user.id).is_active


def _who_remain(first: Person, second: Person) -> int:
    """Let two administrators dismiss each other at the same moment; return how many are left."""

    def dismiss(by: Person, other: Person) -> bool:
        try:
            staff.dismiss(by=by.caller, user_id=other.user.id, reason=WHY)
        except DomainError:
            return False
        return True

    at_once(lambda: dismiss(first, second), lambda: dismiss(second, first))
    return [role_of(first), role_of(second)].count("administrator")


@pytest.mark.money
def test_of_two_who_dismiss_each_other_one_remains() -> None:
    with no_other_administrators():
        for _ in range(5):
            first, second = person("first", staff=True), person("second", staff=True)
            assert _who_remain(first, second) == 1
            User.objects.filter(id__in=[first.user.id, second.user.id]).update(staff_role="")


@pytest.mark.money
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite lets one transaction in at a time")
def test_control_without_the_locks_none_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: both look before either has written."""
    keep, both_have_looked = staff.keep_an_administrator, threading.Barrier(2)

    def look_and_wait(user: User) -> None:
        keep(user)
        both_have_looked.wait(timeout=20)

    monkeypatch.setattr(staff, "lock", lambda user_id: User.objects.get(id=user_id))
    monkeypatch.setattr(staff, "keep_an_administrator", look_and_wait)
    with no_other_administrators():
        assert _who_remain(person("first", staff=True), person("second", staff=True)) == 0
