"""Who sets what members may send alone, and what an organisation wants approved; over HTTP."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from paysettle.events.models import Event
from paysettle.identity import standing
from paysettle.identity.limit_rules import ApprovalPolicy, ApprovalRule, Counter, Reason, limit_id
from paysettle.identity.models import ApprovalPolicy as StoredPolicy
from paysettle.identity.models import MemberLimit
from paysettle.identity.operations import members
from paysettle.identity.roles import Role
from paysettle.kernel import identifiers
from paysettle.kernel.money import Money
from tests.companies import Company, company, send
from tests.people import Person, person
from tests.server import Reply

LIMIT = {"currency": "EUR", "per_payment": 100, "per_day": 1000}


@pytest.fixture
def firm() -> Company:
    return company(person("olga"))


def owner(firm: Company) -> Person:
    return firm.acted_for_by(firm.owner)


def path(firm: Company, somebody: Person) -> str:
    return f"{firm.path}/members/{identifiers.show('mem', firm.member(somebody).id)}/limits"


def policy(firm: Company, body: object, version: int = 1, by: Person | None = None) -> Reply:
    return send(by or owner(firm), "POST", f"{firm.path}/approval-policy", body, **{"If-Match": f'"{version}"'})


def rule(from_: int, approvers: int, currency: str = "EUR") -> dict[str, Any]:
    return {"from": {"amount": from_, "currency": currency}, "approvers": approvers}


def events(stream: str) -> list[tuple[str, int]]:
    return list(Event.objects.filter(stream=stream).order_by("position").values_list("type", "stream_version"))


def test_a_limit_is_set_read_and_taken_away(firm: Company) -> None:
    paul = firm.join(person("paul"), Role.PAYER)
    assert send(paul, "GET", path(firm, paul)).document == {"data": []}
    made = send(owner(firm), "POST", path(firm, paul), LIMIT)
    assert made.status == 200
    assert made.document["per_day"] == {"amount": 1000, "currency": "EUR", "decimal": "10.00"}
    assert (made.document["spent_on"], made.document["spent"]["amount"]) == (None, 0)
    assert send(owner(firm), "POST", path(firm, paul), LIMIT).document == made.document
    assert send(paul, "GET", path(firm, paul)).document == {"data": [made.document]}
    gone = send(owner(firm), "POST", path(firm, paul), {"currency": "EUR"}).document
    assert (gone["per_payment"], gone["per_day"]) == (None, None)
    # What changes nothing is no event.
    stream = identifiers.show("lim", limit_id(firm.party.id, paul.user.id, "EUR"))
    assert events(stream) == [("paysettle.member_limit.set.v1", 1), ("paysettle.member_limit.set.v1", 2)]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"per_day": 1}, "/currency", "required"),
        ({"currency": "eur"}, "/currency", "unknown_currency"),
        ({"currency": "EUR", "per_day": -1}, "/per_day", "not_in_range"),
        ({"currency": "EUR", "per_day": 10**15 + 1}, "/per_day", "not_in_range"),
        ({"currency": "EUR", "per_payment": 1.5}, "/per_payment", "not_in_range"),
        ({"currency": "EUR", "per_payment": None}, "/per_payment", "required"),
        ({"currency": "EUR", "spent": 0}, "/spent", "unknown_field"),
    ],
)
def test_a_limit_that_makes_no_sense_changes_nothing(firm: Company, body: object, pointer: str, code: str) -> None:
    paul = firm.join(person("paul"), Role.PAYER)
    reply = send(owner(firm), "POST", path(firm, paul), body)
    assert (reply.status, reply.document["errors"][0]["pointer"], reply.document["errors"][0]["code"]) == (
        422,
        pointer,
        code,
    )
    assert not MemberLimit.objects.filter(party=firm.party).exists()


def test_owners_alone_change_their_own_and_each_others(firm: Company) -> None:
    ada, second = firm.join(person("ada"), Role.ADMIN), firm.join(person("otto"), Role.OWNER)
    assert send(owner(firm), "POST", path(firm, ada), LIMIT).status == 200
    for somebody in (ada, second):
        reply = send(ada, "POST", path(firm, somebody), {"currency": "EUR"})
        assert (reply.status, reply.document["permission"]) == (403, "owners.manage")
    assert MemberLimit.objects.get(party=firm.party).per_day_minor == 1000
    assert send(second, "POST", path(firm, second), LIMIT).status == 200
    assert send(owner(firm), "POST", path(firm, second), LIMIT).status == 200


def test_control_without_the_question_an_admin_lifts_their_own(firm: Company) -> None:
    ada = firm.join(person("ada"), Role.ADMIN)
    send(owner(firm), "POST", path(firm, ada), LIMIT)
    check = standing.check
    with patch.object(standing, "check", lambda caller, _needed, **how: check(caller, None, **how)):
        assert send(ada, "POST", path(firm, ada), {"currency": "EUR"}).status == 200


def test_the_beginning_of_the_day_is_moved_by_owners_alone(firm: Company) -> None:
    """Limits begin anew with a day; rules may be changed by admins."""
    ada = firm.join(person("ada"), Role.ADMIN)
    assert policy(firm, {"time_zone": "UTC", "rules": [rule(1, 1)]}, version=1, by=ada).status == 200
    moved = {"time_zone": "Pacific/Kiritimati", "rules": []}
    refused = policy(firm, moved, version=2, by=ada)
    assert (refused.status, refused.document["permission"]) == (403, "owners.manage")
    assert policy(firm, moved, version=2).status == 200


@pytest.mark.parametrize("zone", ["localtime", "Factory", "Mars/Olympus", "../UTC", ""])
def test_a_time_zone_is_one_everywhere(firm: Company, zone: str) -> None:
    assert policy(firm, {"time_zone": zone, "rules": []}).status == 422


def test_a_limit_is_found_again_by_who_leaves_and_joins(firm: Company) -> None:
    paul = firm.join(person("paul"), Role.PAYER)
    send(owner(firm), "POST", path(firm, paul), LIMIT)
    members.remove(by=owner(firm).caller, member_id=firm.member(paul).id)
    firm.join(paul, Role.ADMIN)
    assert send(paul, "GET", path(firm, paul)).document["data"][0]["per_day"]["amount"] == 1000


def test_the_members_of_other_companies_are_absent(firm: Company) -> None:
    elsewhere = company(person("eve"))
    paul = elsewhere.join(person("paul"), Role.PAYER)
    foreign = f"{firm.path}/members/{identifiers.show('mem', elsewhere.member(paul).id)}/limits"
    absent = f"{firm.path}/members/{identifiers.show('mem', identifiers.new())}/limits"
    for method, body in (("GET", None), ("POST", LIMIT)):
        replies = [send(owner(firm), method, where, body) for where in (foreign, absent)]
        assert [(reply.status, reply.document["code"]) for reply in replies] == [(404, "not_found")] * 2
    assert not MemberLimit.objects.filter(user=paul.user).exists()


def test_a_policy_is_replaced_as_it_was_seen(firm: Company) -> None:
    where = f"{firm.path}/approval-policy"
    first = send(owner(firm), "GET", where)
    assert (first.document, first.headers["ETag"]) == ({"time_zone": "UTC", "rules": []}, '"1"')
    body = {"time_zone": "Asia/Tokyo", "rules": [rule(500, 2), rule(100, 1)]}
    made = policy(firm, body)
    assert (made.status, made.headers["ETag"]) == (200, '"2"')
    assert [one["from"]["amount"] for one in made.document["rules"]] == [100, 500]
    late = policy(firm, {"time_zone": "UTC", "rules": []})
    assert (late.status, late.document["code"]) == (412, "policy_changed")
    assert send(owner(firm), "GET", where).document == made.document
    assert send(owner(firm), "POST", where, body).document["code"] == "precondition_required"
    assert events(identifiers.show("pol", firm.party.id)) == [("paysettle.approval_policy.set.v1", 1)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"time_zone": "Mars/Olympus", "rules": []}, "unknown_time_zone"),
        ({"time_zone": "../etc/passwd", "rules": []}, "unknown_time_zone"),
        ({"time_zone": "europe/lisbon", "rules": []}, "unknown_time_zone"),
        ({"time_zone": "UTC", "rules": [rule(1, 1), rule(1, 2)]}, "rule_twice"),
        ({"time_zone": "UTC"}, "invalid_request"),
        ({"time_zone": "UTC", "rules": None}, "invalid_request"),
        ({"time_zone": "UTC", "rules": [1]}, "invalid_request"),
        ({"time_zone": "UTC", "rules": [{"approvers": 1}]}, "invalid_request"),
        ({"time_zone": "UTC", "rules": [{"from": {"amount": 1, "currency": "EUR"}}]}, "invalid_request"),
        ({"time_zone": "UTC", "rules": [rule(0, 1)]}, "invalid_request"),
        ({"time_zone": "UTC", "rules": [rule(1, 0)]}, "invalid_request"),
        ({"time_zone": "UTC", "rules": [rule(1, 11)]}, "invalid_request"),
        ({"time_zone": "UTC", "rules": [rule(1, 1, "XXY")]}, "invalid_request"),
        ({"time_zone": "UTC", "rules": [rule(n + 1, 1) for n in range(51)]}, "invalid_request"),
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense_changes_nothing(firm: Company, body: object, code: str) -> None:
    reply = policy(firm, body)
    assert (reply.status, reply.document["code"]) == (422, code), reply.text
    assert not StoredPolicy.objects.filter(party=firm.party).exists()


NOW = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time_zone", "day"),
    [("UTC", date(2026, 3, 1)), ("Europe/Berlin", date(2026, 3, 2)), ("America/New_York", date(2026, 3, 1))],
)
def test_the_day_is_that_of_the_time_zone(time_zone: str, day: date) -> None:
    assert ApprovalPolicy(time_zone).day(NOW) == day


def test_the_most_that_a_rule_demands_which_the_amount_reaches() -> None:
    found = ApprovalPolicy(rules=(ApprovalRule("EUR", 100, 3), ApprovalRule("EUR", 500, 2), ApprovalRule("USD", 1, 1)))
    assert [found.approvers(Money(n, "EUR")) for n in (99, 100, 500)] == [0, 3, 3]
    assert found.approvers(Money(1, "USD")) == 1
    assert found.approvers(Money(10**9, "CHF")) == 0


def counter(per_payment: int | None, per_day: int | None) -> Counter:
    return Counter(identifiers.new(), per_payment, per_day, None, 0, None)


def test_a_counter_begins_anew_with_the_day_and_never_goes_back() -> None:
    found, today = counter(None, 100), date(2026, 3, 1)
    found.add(60, day=today, now=NOW)
    assert found.exceeded(41, day=today) is Reason.DAY_LIMIT
    assert found.exceeded(40, day=today) is None
    # Yesterday, as a clock that steps back or another time zone would have it: no second 100.
    assert found.exceeded(41, day=today - timedelta(days=1)) is Reason.DAY_LIMIT
    found.add(10, day=today - timedelta(days=1), now=NOW)
    assert (found.day, found.spent_minor) == (today, 70)
    tomorrow, later = today + timedelta(days=1), NOW + timedelta(hours=1)
    assert found.exceeded(100, day=tomorrow) is None
    found.add(70, day=tomorrow, now=later)
    assert (found.day, found.spent_minor, found.since) == (tomorrow, 70, later)


def test_nothing_at_all_may_be_sent_alone() -> None:
    assert counter(0, None).exceeded(1, day=NOW.date()) is Reason.PAYMENT_LIMIT
    assert counter(None, 0).exceeded(1, day=NOW.date()) is Reason.DAY_LIMIT
    assert counter(None, None).exceeded(10**15, day=NOW.date()) is None
