"""Who is told what: each exactly once, with the mail queued in the same transaction."""

from uuid import UUID

import pytest

from paysettle.events import consume, log, queries
from paysettle.events.dispatch import Dispatcher
from paysettle.events.envelope import RecordedEvent
from paysettle.identity.roles import Role
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Transaction
from paysettle.notifications.consumer import INBOX
from paysettle.notifications.kinds import Kind
from paysettle.notifications.models import InboxEntry, OutgoingMail
from paysettle.notifications.queries import entry_documents, inbox_of
from paysettle.payments.operations.expiry import expire_due
from tests import working
from tests.approvals import approve, let_it_be_late, limit, policy, reject
from tests.companies import Company, company
from tests.event_schemas import SPOILT
from tests.events import new_event
from tests.moves import authorise
from tests.people import Person, deposit, pay, person

pytestmark = pytest.mark.money


class Killed(BaseException):
    """The process ends here."""


def sentences(who: Person) -> list[str]:
    """Return what somebody has been told, the oldest first."""
    return [document["sentence"] for document in entry_documents(inbox_of(who.party_id).order_by("created_at", "id"))]


def happen(
    type_: str, by: Person, stream: str, version: int, data: dict[str, object], *, request_id: str = "test"
) -> None:
    """Write one event, as the slice does that it belongs to."""
    now = transactions.run(lambda tx: tx.read_clock())
    happened = new_event(type_, stream, version, now, party=by.party, data=data, request_id=request_id)
    transactions.run(lambda _tx: log.record(happened))


def test_a_payee_is_told_once_and_mailed_once() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5000)
    pay(ana, ben, 1250)
    working.catch_up("dispatch")
    assert sentences(ben) == [f"{ana.handle} paid you 12.50 EUR"]
    assert sentences(ana) == []
    assert OutgoingMail.objects.filter(user=ben.user).count() == 1


def test_a_company_finds_it_in_its_inbox_and_its_leaders_get_the_mail() -> None:
    ana, olga = person("ana"), person("olga")
    firm = company(olga)
    members = {role: firm.join(person(role.value), role) for role in Role if role is not Role.OWNER}
    deposit(ana, 5000)
    pay(ana, firm.acted_for_by(olga), 1250)
    working.catch_up("dispatch")
    assert sentences(firm.acted_for_by(olga)) == [f"{ana.handle} paid you 12.50 EUR"]
    assert sentences(olga) == []
    mailed = set(OutgoingMail.objects.filter(entry__recipient=firm.party).values_list("user_id", flat=True))
    assert mailed == {olga.user.id, members[Role.ADMIN].user.id}


def test_what_waits_is_told_to_who_may_approve_it_and_what_becomes_of_it_to_who_made_it() -> None:
    """The payee hears nothing before it is approved."""
    olga, ben = person("olga"), person("ben")
    firm = company(olga)
    ours = {role: firm.join(person(role.value), role) for role in Role if role is not Role.OWNER}
    maker, approver, inbox = ours[Role.PAYER], ours[Role.APPROVER], firm.acted_for_by(olga)
    deposit(maker, 10_000)
    limit(firm, maker, per_payment=0)
    approved, rejected, late = (pay(maker, ben, amount).document()["id"] for amount in (100, 200, 300))
    working.catch_up("dispatch")
    assert sentences(inbox) == [
        f"{amount} EUR to {ben.handle} wait for approval" for amount in ("1.00", "2.00", "3.00")
    ]
    assert _mailed(firm, Kind.PAYMENT_APPROVAL_REQUESTED) == {olga.user.id, ours[Role.ADMIN].user.id, approver.user.id}
    assert sentences(ben) == []

    approve(approver, approved)
    reject(approver, rejected)
    let_it_be_late(late)
    while expire_due():
        pass
    working.catch_up("dispatch")
    assert sentences(inbox)[3:] == [
        f"1.00 EUR to {ben.handle} were approved",
        f"2.00 EUR to {ben.handle} were not approved: somebody rejected the payment",
        f"3.00 EUR to {ben.handle} were not approved in time",
    ]
    for kind in (Kind.PAYMENT_APPROVED, Kind.PAYMENT_REJECTED, Kind.PAYMENT_LAPSED):
        assert _mailed(firm, kind) == {maker.user.id}
    assert sentences(ben) == [f"{inbox.handle} paid you 1.00 EUR"]


def test_who_makes_a_payment_and_may_approve_is_not_asked_to() -> None:
    olga, ben = person("olga"), person("ben")
    firm = company(olga)
    ada, owner = firm.join(person("ada"), Role.ADMIN), firm.acted_for_by(olga)
    deposit(owner, 10_000)
    policy(firm, (1, 2))
    payment = authorise(owner, ben, 100).document()["id"]
    approve(ada, payment)
    working.catch_up("dispatch")
    assert _mailed(firm, Kind.PAYMENT_APPROVAL_REQUESTED) == {ada.user.id}
    assert sentences(ben) == []  # one of two has approved
    approve(firm.join(person("april"), Role.APPROVER), payment)
    working.catch_up("dispatch")
    assert sentences(ben) == [f"{owner.handle} holds 1.00 EUR for you: capture it before it expires"]


def _mailed(firm: Company, kind: Kind) -> set[UUID]:
    mails = OutgoingMail.objects.filter(entry__recipient=firm.party, entry__kind=kind)
    return set(mails.values_list("user_id", flat=True))


def test_the_stored_entry_holds_no_name() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5000)
    pay(ana, ben, 1250)
    working.catch_up("dispatch")
    data = InboxEntry.objects.get(recipient_id=ben.party_id).data
    assert ana.handle not in data
    assert ana.party in data


def test_every_step_of_a_settlement_is_told_to_the_other_side() -> None:
    ana, ben = person("ana"), person("ben")
    legs = [{"debtor": ben.party, "creditor": ana.party, "amount": Money(3000, "EUR").document()}]
    for last in ("settled", "rejected", "withdrawn"):
        stream = identifiers.show("tst", identifiers.new())  # no settlement: `ledger verify` would miss it
        terms: dict[str, object] = {
            "settlement": identifiers.show("set", identifiers.new()),
            "asker": ana.party,
            "legs": legs,
        }
        happen("paysettle.settlement.requested.v1", ana, stream, 1, terms)
        doer = ana if last == "withdrawn" else ben
        moved: dict[str, object] = {"transfers": []} if last == "settled" else {}
        happen(f"paysettle.settlement.{last}.v1", doer, stream, 2, terms | moved)
    working.catch_up("dispatch")
    asked = f"{ana.handle} asks you to settle 30.00 EUR"
    assert sentences(ben) == [asked, asked, asked, f"{ana.handle} withdrew the request to settle 30.00 EUR"]
    assert sentences(ana) == [
        f"{ben.handle} approved your request: 30.00 EUR is settled",
        f"{ben.handle} rejected your request to settle 30.00 EUR",
    ]


def test_killed_between_effect_and_commit_each_is_still_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5000)
    working.catch_up("dispatch")
    for amount_minor in (1, 2, 3):
        pay(ana, ben, amount_minor)

    def die(_tx: Transaction, _consumer: object, _events: object) -> None:
        raise Killed

    dispatcher = Dispatcher(INBOX)
    with monkeypatch.context() as patch:
        patch.setattr(consume, "remember", die)
        with pytest.raises(Killed):
            dispatcher.step()
    assert sentences(ben) == []
    dispatcher.close()
    working.catch_up("dispatch")
    assert sentences(ben) == [f"{ana.handle} paid you 0.0{n} EUR" for n in (1, 2, 3)]


def test_an_event_that_nobody_understands_parks_its_stream_and_others_are_told() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5000)
    bad = identifiers.show("tst", identifiers.new())
    happen("paysettle.payment.completed.v1", ana, bad, 1, {"payment": bad}, request_id=SPOILT)
    pay(ana, ben, 700)
    working.catch_up("dispatch")
    assert sentences(ben) == [f"{ana.handle} paid you 7.00 EUR"]
    assert [row.reason for row in queries.parked(INBOX.name) if row.stream == bad] == ["KeyError"]


def test_the_database_itself_refuses_to_tell_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its dedupe rows the consumer is stopped by the unique key: the event is parked, nobody is told twice."""
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5000)
    before = queries.head()
    pay(ana, ben, 900)
    events = [event for event in queries.after(before, limit=10) if event.type == "paysettle.payment.completed.v1"]
    monkeypatch.setattr(consume, "remember", lambda *_: None)
    _consume_twice(events)
    assert sentences(ben) == [f"{ana.handle} paid you 9.00 EUR"]
    monkeypatch.undo()
    transactions.run(lambda tx: tx.execute("DELETE FROM event_parked WHERE stream = %s", [events[0].stream]))
    transactions.run(lambda tx: consume.remember(tx, INBOX, events))


def _consume_twice(events: list[RecordedEvent]) -> None:
    for _ in range(2):
        consume.consume(INBOX, events)
