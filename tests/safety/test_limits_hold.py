"""R26: limits hold under races, across midnight, in several processes. Rule MR16.

A limit of 100 a day and 50 payments of 10 that land together: exactly 10 go through, the others wait for approval.
"""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from paysettle.identity.limit_rules import Counter as LimitCounter
from paysettle.identity.limits import Limits
from paysettle.identity.models import MemberLimit
from paysettle.identity.roles import Role
from paysettle.kernel import batch
from paysettle.kernel.batch import Outcome
from paysettle.kernel.transactions import RowLocked, Transaction
from paysettle.payments.operations.send import send_payment
from tests import spoilt
from tests.approvals import limit, noon, policy
from tests.companies import Company, company
from tests.money import balance, books_are_right
from tests.people import Person, deposit, payment_order, person
from tests.plugin import KIND
from tests.release import Request, released_together
from tests.safety import planted
from tests.server import Server

pytestmark = pytest.mark.money

ROUNDS = 20 if os.environ.get("TEST_LONG") else 3
AT_ONCE = 50
THREADS = 4 if KIND == "sqlite" else 10
TOKYO, NEW_YORK = "Asia/Tokyo", "America/New_York"


def firm_with_a_payer(put: Callable[[Person, int], object], *, per_day: int, time_zone: str) -> tuple[Company, Person]:
    """Return a company with 10,000 and its payer, who may send this much a day alone."""
    made = company(person("olga"))
    payer = made.join(person("paul"), Role.PAYER)
    put(payer, 10_000)
    limit(made, payer, per_day=per_day)
    policy(made, time_zone=time_zone)
    return made, payer


def next_midnight(time_zone: str) -> datetime:
    """Return when the next day begins in a time zone."""
    zone = ZoneInfo(time_zone)
    tomorrow = datetime.now(zone).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).astimezone(UTC)


@contextmanager
def clock(tick: Callable[[], datetime]) -> Iterator[None]:
    """Let batches read this clock in the place of the database's, as they do: under their locks."""
    asked = Transaction.ask_clock

    def ask(tx: Transaction) -> Callable[[], datetime]:
        real = asked(tx)

        def read() -> datetime:
            real()  # with this everything that was asked comes, the locks too
            return tick()

        return read

    with patch.object(Transaction, "ask_clock", ask):
        yield


def pay_at_once(payer: Person, payee: Person, number: int = AT_ONCE) -> Counter[str]:
    """Let many threads pay 10 each, every one like a process of its own; return how many payments are in each state."""

    def lane(orders: int) -> list[list[Outcome]]:
        return [batch.run(send_payment, [payment_order(payer, payee, 10)]) for _ in range(orders)]

    outcomes = spoilt.at_once([partial(lane, number // THREADS)] * THREADS + [partial(lane, number % THREADS)])
    return Counter(str(spoilt.document(one)["state"]) for lanes in outcomes for [one] in lanes)


def test_of_payments_that_land_together_exactly_as_many_pass_as_may(server: Server) -> None:
    """On MariaDB and MySQL they land in two processes."""
    for _ in range(ROUNDS):
        ben = person("ben")
        firm, payer = firm_with_a_payer(deposit, per_day=100, time_zone=noon())
        body = {"payee": ben.handle, "amount": {"amount": 10, "currency": "EUR"}}
        order: Request = ("/api/v1/payments", payer, body, {"Acting-Party": firm.id})
        replies = released_together(server, [order] * AT_ONCE)
        assert Counter(reply.status for reply in replies) == {201: AT_ONCE}
        states = Counter(reply.document["state"] for reply in replies)
        assert states == {"completed": 10, "pending_approval": AT_ONCE - 10}
        assert (balance(ben), balance(payer)) == (100, 9900)
        books_are_right(payer, ben)


def over_http(server: Server, payer: Person, payee: Person, number: int) -> Counter[str]:
    """Let many requests that land together pay 10 each; return how many payments are in each state."""
    body = {"payee": payee.handle, "amount": {"amount": 10, "currency": "EUR"}}
    replies = released_together(server, [("/api/v1/payments", payer, body, {})] * number)
    assert {reply.status for reply in replies} == {201}
    return Counter(str(reply.document["state"]) for reply in replies)


def test_half_of_them_in_another_process(server: Server) -> None:
    """On every database: the server is one process, or two, and this is one more."""
    ben = person("ben")
    _, payer = firm_with_a_payer(deposit, per_day=100, time_zone=noon())
    half = AT_ONCE // 2
    there, here = partial(over_http, server, payer, ben, half), partial(pay_at_once, payer, ben, half)
    one, other = spoilt.at_once([there, here])
    assert one + other == {"completed": 10, "pending_approval": AT_ONCE - 10}
    assert (balance(ben), balance(payer)) == (100, 9900)
    books_are_right(payer, ben)


def test_midnight_strikes_in_one_process_before_it_does_in_another(server: Server) -> None:
    """When 10 have passed of a day 10 pass of the next, in both processes together."""
    ben = person("ben")
    zone = noon()
    _, payer = firm_with_a_payer(deposit, per_day=100, time_zone=zone)
    half = AT_ONCE // 2
    there, here = partial(over_http, server, payer, ben, half), partial(pay_at_once, payer, ben, half)
    assert there()["completed"] == 10
    midnight = next_midnight(zone)
    with clock(lambda: midnight):
        one, other = spoilt.at_once([there, here])
    assert one + other == {"completed": 10, "pending_approval": AT_ONCE - 10}
    assert balance(ben) == 200
    books_are_right(payer, ben)


@pytest.mark.parametrize(("here", "elsewhere"), [(TOKYO, NEW_YORK), (NEW_YORK, TOKYO)])
def test_a_new_day_begins_at_midnight_where_the_organisation_is(here: str, elsewhere: str) -> None:
    ben = person("ben")
    _, payer = firm_with_a_payer(deposit, per_day=100, time_zone=here)
    _, abroad = firm_with_a_payer(deposit, per_day=100, time_zone=elsewhere)
    midnight = next_midnight(here)
    with clock(lambda: midnight - timedelta(microseconds=1)):
        assert pay_at_once(payer, ben)["completed"] == 10
        assert pay_at_once(abroad, ben)["completed"] == 10
    with clock(lambda: midnight):
        assert pay_at_once(payer, ben)["completed"] == 10
        assert pay_at_once(abroad, ben)["completed"] == 0  # it is the same day there
    assert balance(ben) == 300
    books_are_right(payer, abroad, ben)


@pytest.mark.parametrize("time_zone", [TOKYO, NEW_YORK])
def test_midnight_strikes_among_payments_that_land_together(time_zone: str) -> None:
    """Then 10 pass of each day, however they meet; and the clock may step back over midnight once more."""
    ben = person("ben")
    _, payer = firm_with_a_payer(deposit, per_day=100, time_zone=time_zone)
    midnight = next_midnight(time_zone)
    readings = itertools.count()

    def tick() -> datetime:
        number = next(readings)
        before = number < AT_ONCE // 2 or number % 5 == 0
        return midnight + timedelta(milliseconds=-1 - number if before else number)

    with clock(tick):
        assert pay_at_once(payer, ben) == {"completed": 20, "pending_approval": AT_ONCE - 20}
    assert balance(ben) == 200
    books_are_right(payer, ben)


@pytest.mark.usefixtures("spoilt_database")
def test_control_a_clock_that_may_step_back_into_yesterday_lets_more_pass() -> None:
    """Were the counter to begin anew whenever the day is another one, more than 10 a day would pass above."""
    ben = person("ben")
    _, payer = firm_with_a_payer(spoilt.deposit, per_day=100, time_zone=TOKYO)
    midnight = next_midnight(TOKYO)
    readings = itertools.count()

    def forgets(self: LimitCounter, day: object) -> int:
        return self.spent_minor if day == self.day else 0

    def adds(self: LimitCounter, amount_minor: int, *, day: object, now: datetime) -> None:
        self.spent_minor, self.day, self.since = forgets(self, day) + amount_minor, day, now  # type: ignore[assignment]

    with (
        patch.object(LimitCounter, "_spent_on", forgets),
        patch.object(LimitCounter, "add", adds),
        clock(lambda: midnight + timedelta(milliseconds=-1 if next(readings) % 5 == 0 else 1)),
    ):
        assert pay_at_once(payer, ben)["completed"] > 20


@pytest.mark.usefixtures("spoilt_database")
def test_control_a_batch_that_forgets_what_it_has_let_pass_lets_all_pass() -> None:
    """Fifty in one batch, each judged by what was read: all of them pass, and the verifier sees it."""
    ben = person("ben")
    _, payer = firm_with_a_payer(spoilt.deposit, per_day=100, time_zone=noon())
    orders = [payment_order(payer, ben, 10) for _ in range(AT_ONCE)]
    kept = batch.run(send_payment, orders)
    assert Counter(spoilt.document(one)["state"] for one in kept)["completed"] == 10
    _, payer = firm_with_a_payer(spoilt.deposit, per_day=100, time_zone=noon())
    orders = [payment_order(payer, ben, 10) for _ in range(AT_ONCE)]
    with patch.object(Limits, "count", lambda _limits, _caller, _money, _now: None):
        forgotten = batch.run(send_payment, orders)
    assert {spoilt.document(one)["state"] for one in forgotten} == {"completed"}


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite lets one transaction in at a time: nothing can read in between")
@pytest.mark.usefixtures("spoilt_database")
def test_control_without_locks_two_pass_where_one_may() -> None:
    """Two processes read the counter before one of them writes it: the count above would not be 10."""
    ben = person("ben")
    _, payer = firm_with_a_payer(spoilt.deposit, per_day=10, time_zone=noon())
    orders = [payment_order(payer, ben, 10) for _ in range(2)]
    with planted.naive_transactions(meet=2):
        outcomes = spoilt.at_once([partial(batch.run, send_payment, [order]) for order in orders])
    assert [spoilt.document(one)["state"] for [one] in outcomes] == ["completed", "completed"]


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite has one lock for all: no row of it is passed over")
@pytest.mark.usefixtures("spoilt_database")
def test_a_counter_that_is_passed_over_is_not_no_limit() -> None:
    """While somebody holds the row of a limit, its member's payment waits its turn (control: unasked, it is paid)."""
    ben = person("ben")
    firm, payer = firm_with_a_payer(spoilt.deposit, per_day=9, time_zone=noon())

    def pay() -> Outcome:
        [outcome] = batch.run(send_payment, [payment_order(payer, ben, 10)], skip_locked=True)
        return outcome

    with transaction.atomic():
        MemberLimit.objects.select_for_update().get(party=firm.party)
        [passed_over] = spoilt.at_once([pay])
        with patch.object(Limits, "require", lambda _limits, _caller, _currency: None):
            [paid] = spoilt.at_once([pay])
    assert isinstance(passed_over, RowLocked)
    assert spoilt.document(paid)["state"] == "completed"
    assert spoilt.document(pay())["state"] == "pending_approval"
