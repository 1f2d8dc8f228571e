"""Closing an account: refused with all reasons, or done with everything by which anybody could act."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.db.models.functions import Now

from paysettle.events.models import Event
from paysettle.identity.caller import Caller
from paysettle.identity.models import ApiKey, Invitation, LoginSession, Membership, Party, User
from paysettle.identity.operations import (
    invitations,
    live_keys,
    organisations,
    parties,
    people,
    refresh_tokens,
    registration,
)
from paysettle.identity.operations.handles import HandleLookalike, HandleTaken
from paysettle.identity.personal import Registration
from paysettle.identity.roles import Role
from paysettle.identity.standing import PartyClosed, SessionEnded
from paysettle.identity.tests.app_client import App
from paysettle.kernel import identifiers
from paysettle.kernel.identifiers import SYSTEM
from paysettle.ledger import accounts
from paysettle.ledger import queries as ledger
from paysettle.payments.models import Payment, PaymentBatch
from paysettle.payments.operations import wallets
from tests import working
from tests.approvals import limit
from tests.companies import Company, company, send
from tests.findings import findings_after
from tests.machines import new_key
from tests.money import books_are_right
from tests.moves import authorise
from tests.people import PASSWORD, Person, deposit, pay, person
from tests.server import Reply
from tests.settle import ask, withdraw

OPERATOR = Caller(party_id=SYSTEM, operator="tests")
CLOSE = "/api/v1/me/close"


def close(who: Person) -> Reply:
    return send(who, "POST", CLOSE)


def close_company(who: Person, firm: Company) -> Reply:
    return send(who, "POST", f"{firm.path}/close")


def reasons(reply: Reply) -> dict[str, int]:
    """Return the reasons of a refusal, each with how many there are; {} for an account that was closed."""
    if reply.status == 200:
        return {}
    assert (reply.status, reply.document["code"]) == (409, "account_not_closable")
    return {reason["code"]: reason["count"] for reason in reply.document["reasons"]}


def state(who: Person) -> str:
    return Party.objects.get(id=who.party_id).state


@pytest.mark.money
def test_it_works_and_the_very_next_call_is_refused() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    paid = pay(ana, ben, 100).document()["id"]
    pair = refresh_tokens.issue(ana.session)
    closed = close(ana)
    assert (closed.status, closed.document) == (
        200,
        {"id": ana.party, "handle": ana.handle, "kind": "person", "state": "closed"},
    )
    for reply in (send(ana, "GET", "/api/v1/me"), close(ana), send(ana, "GET", "/api/v1/payments")):
        assert (reply.status, reply.document["code"]) == (401, "session_ended")
    with pytest.raises(SessionEnded):
        refresh_tokens.spend(pair.refresh_token)
    assert App().sign_in(PASSWORD, username=ana.handle).status != 200
    assert LoginSession.objects.get(id=ana.session.id).end_reason == "account_closed"
    assert [wallet.state for wallet in ledger.wallets(ana.party_id)] == ["closed"]
    # The books are as they were, and ben still sees who paid.
    assert send(ben, "GET", f"/api/v1/payments/{paid}").document["payer"]["handle"] == ana.handle
    books_are_right(ana, ben)


@pytest.mark.money
def test_nothing_reaches_it_any_more() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ben, 100)
    deposit(ben, 100, "JPY")  # of which ana has no wallet yet
    first = pay(ben, ana, 10).document()["id"]
    send(ana, "POST", f"/api/v1/payments/{first}/refunds", {})
    assert reasons(close(ana)) == {}
    for currency in ("EUR", "JPY"):
        body = {"payee": ana.handle, "amount": {"amount": 1, "currency": currency}}
        refused = send(ben, "POST", "/api/v1/payments", body)
        assert (refused.status, refused.document["code"]) == (422, "payee_unavailable")
        let_in = deposit(ana, 1, currency)
        assert (let_in.status, let_in.document()["code"]) == (422, "payee_unavailable")
    asked = send(
        ben,
        "POST",
        "/api/v1/settlements",
        {"debtor": ana.handle, "amount": {"amount": 1, "currency": "EUR"}, "reason": "dinner"},
    )
    assert asked.document["code"] == "party_unavailable"
    assert send(ben, "POST", "/api/v1/payees/find", {"handle": ana.handle}).status == 404
    books_are_right(ana, ben)


def money(ana: Person, _ben: Person) -> None:
    deposit(ana, 100)


def money_held(ana: Person, ben: Person) -> None:
    deposit(ana, 100)
    authorise(ana, ben, 100)


def held_for_it(ana: Person, ben: Person) -> None:
    deposit(ben, 200)
    authorise(ben, ana, 100)
    authorise(ben, ana, 100)


def held_after_a_long_wait(ana: Person, ben: Person) -> None:
    """Approved after nearly three days, and then held for nearly thirty."""
    deposit(ben, 100)
    waited_since = ana.session.created_at - timedelta(hours=71, days=29)
    made = authorise(ben, ana, 100).document()["id"]
    Payment.objects.filter(id=identifiers.parse("pay", made)).update(created_at=waited_since)


def frozen(ana: Person, _ben: Person) -> None:
    wallets.freeze(by=OPERATOR, account_id=accounts.wallet(ana.party_id, "EUR"), reason="a test")


def asked_by_it(ana: Person, ben: Person) -> None:
    ask(ana, ben, 10)


def asked_of_it(ana: Person, ben: Person) -> None:
    ask(ben, ana, 10)


def a_batch(ana: Person, _ben: Person) -> None:
    now = ana.session.created_at
    PaymentBatch.objects.create(party_id=ana.party_id, user_id=ana.user.id, total=1, claimed_until=now, created_at=now)


OPEN: dict[Any, dict[str, int]] = {
    money: {"wallet_not_empty": 1},
    money_held: {"wallet_not_empty": 1, "money_on_hold": 1},
    held_for_it: {"capture_open": 2},
    held_after_a_long_wait: {"capture_open": 1},
    frozen: {"wallet_frozen": 1},
    asked_by_it: {"settlement_open": 1},
    asked_of_it: {"settlement_open": 1},
    a_batch: {"batch_running": 1},
}


@pytest.mark.money
@pytest.mark.parametrize("make", OPEN)
def test_what_is_open_is_a_reason_for_people_and_for_companies(make: Any) -> None:
    ana, olga, ben = person("ana"), person("olga"), person("ben")
    firm = company(olga)
    acting = firm.acted_for_by(olga)
    closings: list[tuple[Person, Callable[[], Reply]]] = [
        (ana, partial(close, ana)),
        (acting, partial(close_company, acting, firm)),
    ]
    for who, closing in closings:
        make(who, ben)
        before = Event.objects.count()
        assert reasons(closing()) == OPEN[make]
        assert state(who) == "active"
        assert Event.objects.count() == before
    assert send(ana, "GET", "/api/v1/me").status == 200
    assert firm.roles() == {olga.user.username: "owner"}
    PaymentBatch.objects.filter(party_id__in=[ana.party_id, acting.party_id]).delete()  # no order of it is there


@pytest.mark.money
def test_all_reasons_come_at_once_and_each_is_a_sentence() -> None:
    ana, ben = person("ana"), person("ben")
    company(ana)
    made = [make(ana, ben) for make in (held_for_it, asked_by_it, money_held)]
    assert len(made) == 3
    refused = close(ana)
    assert reasons(refused) == {
        "wallet_not_empty": 1,
        "money_on_hold": 1,
        "capture_open": 2,
        "settlement_open": 1,
        "sole_owner": 1,
    }
    assert all(reason["message"].endswith(".") for reason in refused.document["reasons"])


@pytest.mark.money
def test_once_it_is_all_settled_the_account_closes() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10)
    asked = ask(ana, ben, 10).document()["id"]
    deposit(ben, 10)
    held = authorise(ben, ana, 10).document()["id"]
    assert set(reasons(close(ana))) == {"wallet_not_empty", "capture_open", "settlement_open"}
    withdraw(ana, asked)
    send(ana, "POST", f"/api/v1/payments/{held}/release")
    pay(ana, ben, 10)
    assert reasons(close(ana)) == {}


@pytest.mark.money
def test_payments_that_wait_for_approval_are_named() -> None:
    olga, ben = person("olga"), person("ben")
    firm = company(olga)
    acting, payer = firm.acted_for_by(olga), firm.join(person("paul"), Role.PAYER)
    deposit(payer, 10)
    limit(firm, payer, per_payment=0)
    waits = pay(payer, ben, 10).document()["id"]
    waiting = {"wallet_not_empty": 1, "money_on_hold": 1, "approval_open": 1}
    assert reasons(close_company(acting, firm)) == waiting
    assert send(acting, "POST", f"/api/v1/payments/{waits}/reject").status == 200
    assert reasons(close_company(acting, firm)) == {"wallet_not_empty": 1}


def test_the_keys_somebody_made_are_revoked_and_it_is_told() -> None:
    """Control: without it nothing is revoked, below."""
    ana = person("ana")
    made = new_key(ana)
    assert close(ana).status == 200
    assert ApiKey.objects.get(id=made.key.id).revoked_at is not None
    told = Event.objects.filter(stream=identifiers.show("key", made.key.id), type="paysettle.api_key.revoked.v1")
    assert told.count() == 1


def test_control_keys_that_are_forgotten_are_not_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_keys, "fall_with_person", lambda *_arguments, **_named: None)
    ana = person("ana")
    made = new_key(ana)
    assert close(ana).status == 200
    assert ApiKey.objects.get(id=made.key.id).revoked_at is None


def test_somebody_of_the_staff_does_not_close_themself() -> None:
    ana = person("ana")
    User.objects.filter(id=ana.user.id).update(staff_role="auditor")
    LoginSession.objects.filter(id=ana.session.id).update(second_factor_at=Now())
    assert reasons(close(ana)) == {"staff": 1}


def test_the_last_owner_of_a_company_hands_it_over_or_closes_it_first() -> None:
    olga, paul, vera = person("olga"), person("paul"), person("vera")
    firm, other = company(olga), company(vera)
    other.join(olga, Role.PAYER)
    firm.join(paul, Role.ADMIN)
    assert reasons(close(olga)) == {"sole_owner": 1}
    assert firm.roles() == {olga.user.username: "owner", paul.user.username: "admin"}
    member = identifiers.show("mem", firm.member(paul).id)
    send(firm.acted_for_by(olga), "POST", f"{firm.path}/hand-over", {"member": member})
    assert reasons(close(olga)) == {}
    # She has left both, and what she had invited to is void.
    assert firm.roles() == {paul.user.username: "owner"}
    assert other.roles() == {vera.user.username: "owner"}
    told = Event.objects.filter(type="paysettle.membership.removed.v1", actor=olga.caller.actor)
    assert {json.loads(event.data)["organisation"] for event in told} == {firm.id, other.id}


def test_an_owner_who_closed_their_account_counts_no_more() -> None:
    olga, otto = person("olga"), person("otto")
    firm = company(olga)
    firm.join(otto, Role.OWNER)
    assert reasons(close(olga)) == {}
    assert reasons(close(otto)) == {"sole_owner": 1}


def test_a_company_is_closed_by_its_owners_alone_and_nobody_acts_for_it_any_more() -> None:
    olga, paul = person("olga"), person("paul")
    firm = company(olga)
    acting, admin = firm.acted_for_by(olga), firm.join(paul, Role.ADMIN)
    made = invitations.make(by=acting.caller, email=person("vera").email, role=Role.VIEWER)
    assert close_company(admin, firm).document["code"] == "not_permitted"
    assert close_company(acting, firm).document["state"] == "closed"
    assert firm.roles() == {}
    assert Invitation.objects.get(id=made.id).state == "revoked"
    for who in (acting, admin):
        assert send(who, "GET", "/api/v1/payments").document["code"] == "not_your_party"
        assert send(who, "GET", firm.path).status == 404
    assert send(olga, "GET", "/api/v1/me").status == 200
    assert reasons(close(olga)) == {}


def test_only_what_is_no_company_is_absent() -> None:
    ana = person("ana")
    reply = send(ana, "POST", f"/api/v1/organisations/{ana.party}/close")
    assert (reply.status, reply.document["code"]) == (404, "not_found")
    assert state(ana) == "active"


def test_a_party_that_staff_have_disabled_does_not_close_itself() -> None:
    ana = person("ana")
    acting = company(ana).acted_for_by(ana)
    parties.disable(by=OPERATOR, party_id=ana.party_id, reason="a test")
    for who in (ana, acting):
        assert close(who).document["code"] == "party_disabled"


def test_staff_cannot_bring_it_back() -> None:
    ana = person("ana")
    close(ana)
    for change in (parties.enable, parties.disable):
        with pytest.raises(PartyClosed):
            change(by=OPERATOR, party_id=ana.party_id, reason="a test")
    with pytest.raises(PartyClosed):
        people.enable(by=OPERATOR, user_id=ana.user.id, reason="a test")
    assert state(ana) == "closed"
    assert not User.objects.get(id=ana.user.id).is_active


def test_the_handle_is_given_to_nobody_else_nor_is_one_that_looks_like_it() -> None:
    ana = person("ana")
    close(ana)
    said = Registration(legal_name="Firm", country="PT")
    with pytest.raises(HandleTaken):
        registration.register(handle=ana.handle, email="somebody@example.org", password=PASSWORD)
    with pytest.raises(HandleLookalike):
        organisations.create(by=person("olga").caller, handle=ana.handle.replace("-", "."), registration=said)


def test_contacts_of_others_keep_showing_the_handle() -> None:
    ana, ben = person("ana"), person("ben")
    send(ben, "POST", "/api/v1/contacts", {"party": ana.handle, "name": "Ana"})
    close(ana)
    [kept] = send(ben, "GET", "/api/v1/contacts").document["data"]
    assert (kept["party"]["handle"], kept["name"]) == (ana.handle, "Ana")


def test_events_name_person_and_party_and_people_are_told_by_mail() -> None:
    olga, paul = person("olga"), person("paul")
    firm = company(olga)
    firm.join(paul, Role.VIEWER)
    close_company(firm.acted_for_by(olga), firm)
    close(olga)
    [of_firm] = Event.objects.filter(stream=firm.id, type="paysettle.party.closed.v1")
    assert (of_firm.actor, of_firm.party) == (olga.caller.actor, firm.id)
    assert json.loads(of_firm.data) == {
        "kind": "organisation",
        "told": [{"party": olga.party}, {"party": paul.party}],
    }
    [of_olga] = Event.objects.filter(stream=olga.party, type="paysettle.party.closed.v1")
    assert json.loads(of_olga.data) == {"kind": "person", "told": [{"party": olga.party}]}
    assert Event.objects.filter(stream=olga.caller.actor, type="paysettle.person.left.v1").count() == 1
    working.tell_and_mail(olga, paul)
    sent = {(str(message.to[0]), message.subject) for message in mail.outbox}
    of = "The account of {} has been closed for good".format
    wanted = {(who.email, of(firm.party.handle)) for who in (olga, paul)} | {(olga.email, of(olga.handle))}
    assert wanted <= sent
    [entry] = send(paul, "GET", "/api/v1/inbox").document["data"]
    assert (entry["kind"], entry["data"]["subject"]) == ("account_closed", firm.id)


def test_somebody_who_was_disabled_meanwhile_gets_no_mail_but_the_last() -> None:
    """What else is still on its way to somebody who may not sign in is not sent."""
    ana, ben = person("ana"), person("ben")
    deposit(ben, 10)
    pay(ben, ana, 10)
    working.catch_up("dispatch")
    pay(ana, ben, 10)
    close(ana)
    mail.outbox.clear()
    working.tell_and_mail(ana, ben)
    subjects = [message.subject for message in mail.outbox if message.to == [ana.email]]
    assert subjects == [f"The account of {ana.handle} has been closed for good"]


def test_the_verifier_finds_money_of_somebody_who_closed_their_account() -> None:
    ana = person("ana")
    deposit(ana, 10)
    sql = "UPDATE identity_party SET state = 'closed' WHERE id = %s"
    found = findings_after(lambda cursor: cursor.execute(sql, [ana.party_id.bytes]))
    wallet = identifiers.show("acc", accounts.wallet(ana.party_id, "EUR"))
    assert f"closed: {wallet} has money of somebody who closed their account" in found


def test_control_without_the_end_of_sessions_the_token_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the account is closed and what lets the person in is forgotten."""
    monkeypatch.setattr("paysettle.identity.operations.closing._end_access", lambda _user, *, by, at: (by, at))
    ana = person("ana")
    assert close(ana).status == 200
    assert send(ana, "GET", "/api/v1/me").document["code"] == "party_disabled"
    assert Membership.objects.filter(user=ana.user).exists()
