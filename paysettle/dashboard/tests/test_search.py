"""Staff find things by id, handle, address and amount, and narrow lists by state, currency and time."""

import pytest
from django.db.models import Model
from django.test import Client

from paysettle.dashboard.models import VerifierRun
from paysettle.dashboard.tests.staff import Sights, browser_of, list_url, member, record_url, sights, text
from paysettle.events.models import Event
from paysettle.identity.models import Party, User
from paysettle.kernel import identifiers
from paysettle.ledger.models import Transfer
from paysettle.payments.models import Payment, TreasuryMove
from paysettle.settlements.models import Settlement
from tests.people import deposit, pay, person

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def seen() -> Sights:
    return sights()


@pytest.fixture(scope="module")
def staff() -> Client:
    return browser_of(member("staff"))


def finds(staff: Client, record: Model, **query: str) -> bool:
    answer = staff.get(list_url(type(record)), query)
    assert answer.status_code == 200
    return record_url(record) in text(answer)


def test_people_and_parties(staff: Client, seen: Sights) -> None:
    user, party = seen.ana.user, Party.objects.get(id=seen.ana.party_id)
    for term in (seen.ana.handle, seen.ana.email.upper(), identifiers.show("usr", user.id)):
        assert finds(staff, user, q=term)
    assert finds(staff, party, q=seen.ana.party)
    assert finds(staff, party, q=seen.ana.handle.upper())
    for term in (seen.ben.handle, seen.ben.email, identifiers.show("usr", identifiers.new()), "%", "'"):
        assert not finds(staff, user, q=term)
    assert isinstance(user, User)
    assert staff.get(list_url(User), {"q": "\x00"}).status_code == 200


def test_organisations_and_memberships(staff: Client, seen: Sights) -> None:
    organisation, membership = seen.records[-4:-2]
    firm = seen.firm
    for term in (firm.party.handle, firm.id, "padaria cent"):
        assert finds(staff, organisation, q=term)
    for term in (identifiers.show("mem", membership.pk), seen.ana.handle, firm.party.handle, firm.id):
        assert finds(staff, membership, q=term)
    for term in (seen.ben.handle, identifiers.show("par", identifiers.new()), "%", "'"):
        assert not finds(staff, organisation, q=term)
        assert not finds(staff, membership, q=term)
    shown = text(staff.get(record_url(organisation)))
    for told in ("Padaria Central, Lda.", "PT 501 234", seen.ana.handle, "payer"):
        assert told in shown
    assert seen.ben.email not in shown


def test_events_and_look_ups(staff: Client, seen: Sights) -> None:
    event, look_up = seen.records[-2:]
    assert isinstance(event, Event)
    for term in (str(event.position), str(event.event_id), event.stream):
        assert finds(staff, event, q=term)
    for term in ("0", "9" * 30, "²", str(identifiers.new()), event.stream + "0", "%", "'"):
        assert not finds(staff, event, q=term)
    for term in (seen.ana.handle, identifiers.show("usr", seen.ana.user.id)):
        assert finds(staff, look_up, q=term)
    for term in (seen.ben.handle, identifiers.show("usr", seen.ben.user.id), "%"):
        assert not finds(staff, look_up, q=term)
    assert finds(staff, event, days="1", q=event.stream)
    assert finds(staff, look_up, kind="find", days="1", q=seen.ana.handle)
    assert not finds(staff, look_up, kind="verify", q=seen.ana.handle)
    assert "12.50" in text(staff.get(record_url(event)))


@pytest.mark.parametrize(
    ("model", "prefix", "amount"),
    [
        (Payment, "pay", "12.5 eur"),
        (Transfer, "tra", "12.50"),
        (TreasuryMove, "trs", "100"),
        (Settlement, "set", "7.77"),
    ],
)
def test_money(staff: Client, seen: Sights, model: type[Model], prefix: str, amount: str) -> None:
    record = next(record for record in seen.records if type(record) is model)
    for term in (identifiers.show(prefix, record.pk), seen.ana.handle, seen.ana.party):
        assert finds(staff, record, q=term)
    assert finds(staff, record, q=amount)
    for term in (
        "12.51 EUR",
        "1250 JPY",
        "0.0000001",
        "9" * 30,
        "no-such-party",
        identifiers.show(prefix, record.pk) + "0",
    ):
        assert not finds(staff, record, q=term)


def test_a_transfer_is_found_by_what_it_was_for(staff: Client, seen: Sights) -> None:
    payment = next(record for record in seen.records if isinstance(record, Payment))
    transfer = Transfer.objects.get(subject_id=payment.id)
    assert finds(staff, transfer, q=identifiers.show("pay", payment.id))
    assert finds(staff, transfer, q=identifiers.show("acc", transfer.debit_account_id))


def test_an_amount_has_no_more_decimals_than_its_currency(staff: Client) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 15, "JPY")
    pay(ana, ben, 15, "JPY")
    payment = Payment.objects.get(payer_id=ana.party_id)
    assert finds(staff, payment, q="15 JPY")
    for term in ("1.5 JPY", "1.5", "15 EUR"):
        assert not finds(staff, payment, q=term)


def test_a_list_without_a_search_takes_no_term(staff: Client, seen: Sights) -> None:
    run = next(record for record in seen.records if isinstance(record, VerifierRun))
    assert finds(staff, run, q="x")


def test_filters(staff: Client, seen: Sights) -> None:
    user, party, payment, _, transfer, move, _, _, settlement, run, _, membership, *_ = seen.records
    for record, query, other in (
        (user, {"is_active": "1"}, {"is_active": "0"}),
        (user, {"staff_role": ""}, {"staff_role": "auditor"}),
        (party, {"state": "active"}, {"state": "disabled"}),
        (party, {"kind": "person"}, {"kind": "organisation"}),
        (payment, {"currency": "EUR"}, {"currency": "XXX"}),
        (transfer, {"currency": "EUR"}, {"currency": "XXX"}),
        (move, {"direction": "deposit"}, {"direction": "withdrawal"}),
        (settlement, {"state": "requested", "currency": "EUR"}, {"state": "settled"}),
        (membership, {"role": "owner"}, {"role": "viewer"}),
    ):
        assert finds(staff, record, **query)
        assert not finds(staff, record, **other)
    for record in (user, party, payment, transfer, move, settlement, run):
        for days in ("1", "7", "90", "junk", "-1"):
            assert finds(staff, record, days=days)
