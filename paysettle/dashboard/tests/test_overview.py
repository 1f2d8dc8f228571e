"""The front page shows the numbers, and the button runs the verifier."""

import re
from datetime import UTC, datetime, timedelta

from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from paysettle.dashboard import operations, queries
from paysettle.dashboard.models import VerifierRun
from paysettle.dashboard.tests.staff import browser_of, member, sights, text
from paysettle.identity.roles import StaffPermission
from paysettle.kernel.money import Money
from tests.people import deposit, pay, person


def test_it_shows_counts_flows_verdict_and_events() -> None:
    sights()
    page = text(browser_of(member("staff")).get(reverse("admin:index")))
    for words in (
        "People",
        "Parties",
        "Payments",
        "Settlements",
        "completed",
        "requested",
        "EUR",
        "Oldest not yet handled",
    ):
        assert words in page
    assert "chip-right" in page or "chip-wrong" in page
    assert reverse("docs") in page
    assert re.search(r'<rect class="day"', page)


def test_flows_count_what_moved_between_parties_and_not_what_came_in() -> None:
    ana, ben = person("ana"), person("ben")
    currency = "BHD"  # no other test pays in it

    def today() -> tuple[int, Money]:
        found = {flow.currency: flow for flow in queries.flows(datetime.now(UTC))}
        if currency not in found:
            return 0, Money(0, currency)
        assert len(found[currency].days) == queries.DAYS
        assert max(day.percent for day in found[currency].days) == 100
        return found[currency].transfers, found[currency].moved

    before, moved = today()
    deposit(ana, 9_000, currency)
    assert today() == (before, moved)
    pay(ana, ben, 1_234, currency)
    pay(ana, ben, 1, currency)
    assert today() == (before + 2, Money(moved.amount_minor + 1_235, currency))


def test_a_day_that_is_over_is_counted_once() -> None:
    now = datetime(2001, 2, 3, 12, tzinfo=UTC)
    assert queries.flows(now) == []
    yesterday = f"dashboard.moved.{(now - timedelta(days=1)).date().isoformat()}"
    assert cache.get(yesterday) == "[]"
    assert cache.get(f"dashboard.moved.{now.date().isoformat()}") is None
    cache.set(yesterday, '[["EUR", 3, 150]]')
    (flow,) = queries.flows(now)
    assert (flow.transfers, str(flow.moved), flow.days[-2].percent) == (3, "1.50 EUR", 100)
    cache.delete(yesterday)


def test_counts_stop_at_a_bound() -> None:
    person("ana")
    counted = {count.title: count for count in queries.counts()}
    assert not counted["People"].more
    assert queries.Count("People", "", StaffPermission.PEOPLE_READ, [("active", queries.COUNTED_MAX)]).more


def test_verify_now_keeps_the_verdict() -> None:
    staff = member("staff")
    browser = browser_of(staff)
    before = VerifierRun.objects.count()
    assert browser.get(reverse("admin:verify")).status_code == 405
    answer = browser.post(reverse("admin:verify"), follow=True)
    assert VerifierRun.objects.count() == before + 1
    run = VerifierRun.objects.order_by("-id")[0]
    assert run.actor == staff.caller.actor
    assert run.checks_count > 5
    assert ("The books are right" in text(answer)) == run.right


def test_one_run_at_a_time() -> None:
    browser = browser_of(member("staff"))
    cache.add(operations._RUNNING, "somebody", timeout=60)
    before = VerifierRun.objects.count()
    answer = browser.post(reverse("admin:verify"), follow=True)
    cache.delete(operations._RUNNING)
    assert "already running" in text(answer)
    assert VerifierRun.objects.count() == before


def test_others_cannot_have_it_run() -> None:
    before = VerifierRun.objects.count()
    somebody = Client()
    somebody.force_login(person("cleo").user)
    for client in (Client(), somebody):
        assert client.post(reverse("admin:verify")).status_code == 302
    assert VerifierRun.objects.count() == before
