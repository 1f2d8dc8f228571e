"""Who has not confirmed their address takes no part, and lapses."""

import secrets
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import IntegrityError

from paysettle.events.models import Event
from paysettle.identity import standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import Membership, Party, PartyState, User
from paysettle.identity.operations import addresses, handles, lapsing, parties, people, registration, staff
from paysettle.identity.operations.addresses import SignUpEnded
from paysettle.identity.operations.handles import HandleTaken
from paysettle.identity.roles import StaffRole
from paysettle.identity.tests.app_client import App, at_once, code_mailed_to
from paysettle.kernel import identifiers, jobs, transactions
from paysettle.kernel.transactions import Transaction
from tests.http import InProcess
from tests.people import PASSWORD, deposit, person

pytestmark = pytest.mark.money


OPERATOR = Caller(party_id=identifiers.SYSTEM, operator="tests")


class Open(jobs.Fence):
    """The right to do a job that nobody else has."""

    def check(self, tx: Transaction) -> None:
        pass


def sign_up(*, age: timedelta = timedelta(0)) -> User:
    handle = f"tito-{secrets.token_hex(4)}"
    user = registration.register(handle=handle, email=f"{handle}@example.org", password=PASSWORD)
    made_at = transactions.run(lambda tx: tx.read_clock()) - age
    Party.objects.filter(id=user.own_party_id).update(created_at=made_at)
    return user


def lapse() -> None:
    while lapsing.lapse(Open("test", 0)):
        pass


def state_of(user: User) -> str | None:
    return Party.objects.filter(id=user.own_party_id).values_list("state", flat=True).first()


def events_of(user: User) -> list[str]:
    streams = [identifiers.show("usr", user.id), identifiers.show("par", user.own_party_id)]
    found = Event.objects.filter(stream__in=streams).order_by("position").values_list("type", flat=True)
    return [name.removeprefix("paysettle.").removesuffix(".v1") for name in found]


def test_nobody_finds_or_pays_whoever_has_not_confirmed_their_address() -> None:
    """Control: the same, once the address is confirmed."""
    ana, tito = person("ana"), sign_up()
    deposit(ana, 1000)
    client, shown = InProcess(ana), identifiers.show("par", tito.own_party_id)
    amount = {"amount": 1, "currency": "EUR"}

    def tries(named: str) -> list[int]:
        return [
            client.post("/api/v1/payees/verify", {"payee": named, "name": "Tito"}).status,
            client.post("/api/v1/payments", {"payee": named, "amount": amount}).status,
            client.post("/api/v1/contacts", {"party": named, "name": "Tito"}).status,
            client.post("/api/v1/settlements", {"debtor": named, "amount": amount, "reason": "x"}).status,
        ]

    absent = tries("nobody-of-this-name")
    assert tries(tito.username) == absent
    assert tries(shown) == tries(identifiers.show("par", identifiers.new()))
    addresses.verify(by=tito, email=tito.email)
    assert client.post("/api/v1/payments", {"payee": tito.username, "amount": amount}).status == 201
    assert client.post("/api/v1/contacts", {"party": shown, "name": "Tito"}).status == 201
    assert events_of(tito)[:3] == ["person.registered", "person.address_verified", "party.opened"]


def test_a_sign_up_lapses_after_a_day_and_its_handle_is_free_again() -> None:
    late, young = sign_up(age=lapsing.LIFE + timedelta(minutes=1)), sign_up(age=lapsing.LIFE - timedelta(minutes=1))
    with pytest.raises(HandleTaken):
        handles.check_free(late.username)
    lapse()
    assert (state_of(late), state_of(young)) == (None, PartyState.PENDING)
    assert not User.objects.filter(id=late.id).exists()
    assert not Membership.objects.filter(user_id=late.id).exists()
    assert events_of(late) == ["person.registered", "person.lapsed"]
    again = registration.register(handle=late.username, email=late.email, password=PASSWORD, verified=True)
    ana = person("ana")
    deposit(ana, 1000)
    payment = {"payee": late.username, "amount": {"amount": 1, "currency": "EUR"}}
    assert InProcess(ana).post("/api/v1/payments", payment).status == 201, "a handle that was free is no old party's"
    assert state_of(again) == PartyState.ACTIVE


def test_whoever_confirmed_never_lapses() -> None:
    user = sign_up(age=timedelta(days=9))
    addresses.verify(by=user, email=user.email)
    lapse()
    assert state_of(user) == PartyState.ACTIVE


def test_whoever_staff_keep_out_does_not_confirm_and_lapses() -> None:
    user = sign_up(age=timedelta(days=9))
    people.disable(by=OPERATOR, user_id=user.id, reason="a name that is not theirs")
    with pytest.raises(SignUpEnded):
        addresses.verify(by=user, email=user.email)
    assert state_of(user) == PartyState.PENDING
    lapse()
    assert state_of(user) is None
    assert events_of(user) == ["person.registered", "person.disabled", "person.lapsed"]


def test_who_has_not_confirmed_becomes_no_member_of_staff() -> None:
    user = sign_up()
    with pytest.raises(standing.PartyPending):
        staff.appoint(by=OPERATOR, user_id=user.id, role=StaffRole.AUDITOR, reason="a test")


def test_a_code_that_comes_after_the_sign_up_has_lapsed_says_so() -> None:
    app, handle = App(), f"tito-{secrets.token_hex(4)}"
    email = f"{handle}@example.org"
    app.sign_up(handle, email)
    code = code_mailed_to(email)
    assert code is not None
    user = User.objects.get(username=handle)
    Party.objects.filter(id=user.own_party_id).update(created_at=user.date_joined - lapsing.LIFE)
    lapse()
    answer = app.verify(code)
    assert (answer.status, answer.code) == (409, "sign_up_ended")
    assert app.sign_up(handle, email).status == 401, "and signs up again"
    again = code_mailed_to(email)
    assert again is not None
    assert app.verify(again).status == 200


def test_control_without_the_look_under_the_lock_somebody_who_confirmed_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The planted bug: what was late when the job looked is removed. The rows that refer to the person stop it."""
    user = sign_up(age=timedelta(days=9))
    addresses.verify(by=user, email=user.email)
    monkeypatch.setattr(lapsing, "PartyState", SimpleNamespace(PENDING=PartyState.ACTIVE))
    with pytest.raises(IntegrityError):
        transactions.run(lambda tx: lapsing._remove(tx, user.id, at=tx.read_clock()))
    assert state_of(user) == PartyState.ACTIVE


def test_of_confirming_and_lapsing_at_once_one_happens() -> None:
    for _ in range(5):
        user = sign_up(age=timedelta(days=9))

        def confirm(user: User = user) -> bool:
            try:
                addresses.verify(by=user, email=user.email)
            except SignUpEnded:
                return False
            return True

        def end() -> bool:
            lapse()
            return True

        at_once(confirm, end)
        assert User.objects.filter(id=user.id).exists() == ("person.address_verified" in events_of(user))
        assert ("person.lapsed" in events_of(user)) != ("person.address_verified" in events_of(user))


def test_staff_do_not_let_in_whoever_has_not_confirmed() -> None:
    user = sign_up()
    with pytest.raises(standing.PartyPending):
        parties.enable(by=OPERATOR, party_id=user.own_party_id, reason="a test")
    assert state_of(user) == PartyState.PENDING
