"""Staff see every list and record; nobody else does, and nobody changes anything there."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from paysettle.dashboard.tests.staff import (
    Sights,
    browser_of,
    list_url,
    member,
    record_url,
    registered,
    sights,
    text,
)
from paysettle.identity.models import LoginSession
from paysettle.identity.roles import Role
from paysettle.kernel import identifiers
from paysettle.payments.models import Payment
from tests.approvals import approve, limit, policy
from tests.companies import company
from tests.people import deposit, pay, person

pytestmark = pytest.mark.shared

EVERY_MODEL = pytest.mark.parametrize("model", registered(), ids=lambda model: model._meta.label)
ELSEWHERE = re.compile(r"""(?:src|href|action|srcset|content|data-url)\s*=\s*["']?\s*(?:https?:)?//""", re.IGNORECASE)


@pytest.fixture(scope="module")
def seen() -> Sights:
    return sights()


@pytest.fixture(scope="module")
def staff() -> Client:
    return browser_of(member("staff"))


def the_record(seen: Sights, model: type[Model]) -> Model:
    return next(record for record in seen.records if type(record) is model)


def test_only_these_tables_can_be_looked_at() -> None:
    assert [model._meta.label for model in registered()] == [
        "dashboard.VerifierRun",
        "events.Event",
        "identity.LookUp",
        "identity.Membership",
        "identity.Organisation",
        "identity.Party",
        "identity.User",
        "ledger.Account",
        "ledger.Transfer",
        "payments.Payment",
        "payments.PaymentBatch",
        "payments.Refund",
        "payments.TreasuryMove",
        "settlements.Settlement",
    ]


@EVERY_MODEL
def test_staff_see_the_list_and_the_record(staff: Client, seen: Sights, model: type[Model]) -> None:
    record = the_record(seen, model)
    listed, shown = staff.get(list_url(model)), staff.get(record_url(record))
    assert (listed.status_code, shown.status_code) == (200, 200)
    assert record_url(record) in text(listed)
    for page in (listed, shown):
        assert not ELSEWHERE.search(text(page))
        assert "<b>taxi</b>" not in text(page)
        assert "b&#x27;" not in text(page), "raw bytes are shown"


@EVERY_MODEL
def test_a_longer_list_asks_no_more(staff: Client, seen: Sights, model: type[Model]) -> None:
    del seen

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(list_url(model)).status_code == 200
        return len(captured)

    before = queries()
    sights()
    assert queries() == before < 12


@EVERY_MODEL
def test_others_are_sent_to_the_sign_in_page(seen: Sights, model: type[Model]) -> None:
    nobody, somebody = Client(), Client()
    somebody.force_login(person("cleo").user)
    for client in (nobody, somebody):
        for url in (list_url(model), record_url(the_record(seen, model))):
            answer = client.get(url)
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith(reverse("admin:login"))


@EVERY_MODEL
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_added_changed_or_deleted(staff: Client, seen: Sights, model: type[Model], method: str) -> None:
    record = the_record(seen, model)
    of_list, of_record = list_url(model), record_url(record).removesuffix("change/")
    before = model._default_manager.filter(pk=record.pk).values().get()
    rows = model._default_manager.count()
    fields = {field.name: "1" for field in model._meta.fields}
    fields |= {"action": "delete_selected", "_selected_action": str(record.pk), "post": "yes", "_save": "Save"}
    for url in (of_list, of_record + "change/", of_list + "add/", of_record + "delete/", of_record + "history/"):
        answer = getattr(staff, method)(url, fields if method == "post" else "")
        assert answer.status_code in {403, 404, 405}, url
    assert model._default_manager.filter(pk=record.pk).values().get() == before
    assert model._default_manager.count() == rows


@pytest.mark.parametrize(
    "path", ["auth/group/", "account/emailaddress/", "password_change/", "autocomplete/", "r/1/1/"]
)
def test_what_nobody_needs_is_not_there(staff: Client, path: str) -> None:
    assert staff.get(reverse("admin:index") + path).status_code == 404


def test_a_password_cannot_be_guessed_through_a_filter(staff: Client) -> None:
    for query in ("password__startswith=argon2", "own_party__handle=ana", "is_superuser__exact=1"):
        assert staff.get(f"{reverse('admin:identity_user_changelist')}?{query}").status_code == 400


def test_ids_amounts_and_history_are_for_people_to_read(staff: Client, seen: Sights) -> None:
    _, party, payment, _, transfer, move, _, _, settlement, *_ = seen.records
    paid = text(staff.get(record_url(payment)))
    assert identifiers.show("pay", payment.pk) in paid
    assert "12.50 EUR" in paid
    assert record_url(transfer) in paid
    asked = text(staff.get(record_url(settlement)))
    assert "7.77 EUR" in asked
    assert "the &lt;b&gt;taxi&lt;/b&gt;" in asked
    assert identifiers.show("trs", move.pk) in text(staff.get(record_url(move)))
    assert "87.94 EUR" in text(staff.get(record_url(party)))


def test_what_waits_for_approval_and_the_limits_are_shown(staff: Client) -> None:
    firm, ben = company(person("olga")), person("ben")
    paul = firm.join(person("paul"), Role.PAYER)
    deposit(paul, 10_000)
    limit(firm, paul, per_payment=1200, per_day=3400)
    policy(firm, (5600, 2), time_zone="Asia/Tokyo")
    waits = Payment.objects.get(id=identifiers.parse("pay", pay(paul, ben, 7800).document()["id"]))
    page = text(staff.get(record_url(waits)))
    assert "pending approval" in page
    assert "2 (payment limit)" in page
    listed = text(staff.get(list_url(Payment) + "?state=pending_approval"))
    assert record_url(waits) in listed
    page = text(staff.get(record_url(firm.party)))
    for shown in ("12.00", "34.00", "56.00", "Asia/Tokyo"):
        assert shown in page
    approve(firm.acted_for_by(firm.owner), identifiers.show("pay", waits.id))
    assert firm.owner.user.username in text(staff.get(record_url(waits)))


def test_a_session_that_was_idle_for_too_long_is_no_live_one(staff: Client) -> None:
    cleo = person("cleo")
    shown = identifiers.show("ses", cleo.session.id)
    assert shown in text(staff.get(record_url(cleo.user)))
    LoginSession.objects.filter(id=cleo.session.id).update(last_seen_at=timezone.now() - timedelta(days=15))
    assert shown not in text(staff.get(record_url(cleo.user)))


def test_an_address_that_names_nothing_leads_back(staff: Client) -> None:
    for junk in ("nothing", "0" * 32, "_00_ff"):
        answer = staff.get(f"{reverse('admin:payments_payment_changelist')}{junk}/change/")
        assert answer.status_code == 302
        assert answer.headers["Location"] == reverse("admin:index")
    unknown = f"{reverse('admin:identity_user_changelist')}{identifiers.new()}/disable/"
    assert staff.get(unknown).status_code == 404
