"""The system and its oracle side by side: every action is done to both, and their answers are compared."""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.db import connection
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from paysettle.identity.caller import Caller
from paysettle.identity.roles import Role
from paysettle.kernel import batch, identifiers
from paysettle.kernel.batch import Outcome
from paysettle.kernel.errors import DomainError
from paysettle.kernel.idempotency import Answer
from paysettle.kernel.identifiers import SYSTEM
from paysettle.kernel.lane import lane
from paysettle.ledger import accounts
from paysettle.payments.lifecycle import Verb as PaymentVerb
from paysettle.payments.operations import bulk, wallets
from paysettle.payments.operations.bulk import BatchItem, submit_batch
from paysettle.payments.operations.expiry import BATCH_MAX, expire_due
from paysettle.payments.operations.moves import move_payment, refund_payment
from paysettle.payments.operations.preview import preview
from paysettle.payments.operations.send import PaymentOrder, send_payment
from paysettle.payments.queries import batch_items
from paysettle.settlements.lifecycle import Verb
from paysettle.settlements.operations.moves import move_settlement
from tests import people
from tests.approvals import limit, noon, policy
from tests.companies import company
from tests.money import books_are_right
from tests.moves import authorise_order, batch_of, expire_order, move_order
from tests.orders import decision, request_order
from tests.people import Person
from tests.safety.oracle import NOW, Line, Oracle
from tests.safety.oracle import Payment as OraclePayment

NAMES = ("ana", "ben", "eva")
VERBS = ("approve", "reject", "withdraw")
OPERATOR = Caller(party_id=SYSTEM, operator="tests")
WEEK_S = 7 * 24 * 3600
INVALID = {"status": 422, "code": "invalid_request", "detail": "An object is expected."}

visited: Counter[tuple[str, str, str]] = Counter()
"""How often each action met each state, and how it ended."""

names = st.sampled_from(NAMES)
others = st.sampled_from([1, 2, 1, 2, 0])
"""Mostly somebody else, sometimes oneself."""
amounts = st.integers(1, 60)
parts = st.sampled_from([None, 1, 5, 5, 20, 100])
"""All that is left, a part, or more than there can be."""
keys = st.sampled_from(["", "", "", "", "", "", "one", "two"])
"""Mostly a fresh key; a few are used again and again, for whatever comes."""
numbers = st.integers(0, 20)
lives = st.sampled_from([WEEK_S, WEEK_S, WEEK_S, 0])
sides = st.sampled_from(["right", "right", "right", "right", "asker", "debtor", "stranger"])
payment_sides = st.sampled_from(["payee", "payee", "payee", "payee", "payee", "payer", "stranger"])
deciders = st.sampled_from(["first", "second", "first", "second", "maker", "payee", "stranger"])
aheads = st.sampled_from([0, 0, 0, 0, 1])
lines = st.lists(
    st.tuples(st.sampled_from([1, 2, 1, 2, 0, None]), amounts, keys, st.sampled_from([NOW, NOW, WEEK_S, 0])),
    min_size=1,
    max_size=4,
)


@cache
def _member(name: str) -> Person:
    """Return the same person for every run: what they act for is new each time, and has all the money."""
    return people.person(name)


class Machine(RuleBasedStateMachine):
    """Three parties, and all that can become of their money.

    Ben is a person. Ana acts for a company and may send 15 at once alone; from 30 on two others must approve. Eva acts
    for another and may send 100 a day.
    """

    def __init__(self) -> None:
        super().__init__()
        anas, evas = company(_member("olga")), company(_member("otto"))
        self.people = {
            "ana": anas.join(_member("ana"), Role.ADMIN),
            "ben": people.person("ben"),
            "eva": evas.join(_member("eva"), Role.ADMIN),
        }
        self.approvers = {
            "ana": (anas.acted_for_by(anas.owner), anas.join(_member("april"), Role.ADMIN)),
            "eva": (evas.acted_for_by(evas.owner), evas.join(_member("april"), Role.ADMIN)),
        }
        limit(anas, self.people["ana"], per_payment=15)
        policy(anas, (30, 2))
        limit(evas, self.people["eva"], per_day=100)
        policy(evas, time_zone=noon())
        self.wallets = {name: accounts.wallet(self.people[name].party_id, "EUR") for name in NAMES}
        self.oracle = Oracle(
            dict.fromkeys(NAMES, 0),
            order=sorted(NAMES, key=self.wallets.__getitem__),
            per_payment={"ana": 15},
            per_day={"eva": 100},
            rules={"ana": [(30, 2)]},
        )
        self.objects: dict[str, str] = {}
        """What the oracle calls an object, and its public id."""
        self.texts: dict[tuple[str, str, str], str] = {}
        """The answers seen under keys."""
        self.again: list[Callable[[], None]] = []
        self.fresh = (f"fresh {n}" for n in itertools.count())

    @initialize(by=names, other=others)
    def begin(self, by: str, other: int) -> None:
        for name in NAMES:
            self.deposit(name, 60)
        self.ask(by, other, 20, "")
        self.authorise(by, other, 20, "", WEEK_S)
        self.pay(by, other, 10, "")

    @rule(who=names, amount=st.integers(1, 100))
    def deposit(self, who: str, amount: int) -> None:
        code, _ = self.oracle.deposit(who, amount)
        visited["deposit", self._wallets(who), code] += 1
        assert _code(people.deposit(self.people[who], amount)) == code

    @rule(who=names, amount=amounts)
    def take_out(self, who: str, amount: int) -> None:
        code, _ = self.oracle.withdraw(who, amount)
        visited["take out", self._wallets(who), code] += 1
        assert _code(people.withdraw(self.people[who], amount)) == code

    @rule(by=names, other=others, amount=amounts, hold_s=st.one_of(st.just(NOW), lives))
    def preview(self, by: str, other: int, amount: int, hold_s: int | None) -> None:
        """Ask what would happen: it is told, and nothing does."""
        to, key, imagined = _somebody(by, other), next(self.fresh), deepcopy(self.oracle)
        code, _ = imagined.pay(by, to, amount, key, hold_s)
        visited["preview", self._wallets(by, to), code] += 1
        told = preview(self._order(by, to, amount, key, hold_s))
        assert (told.refusal.code if told.refusal else "ok") == code
        if told.booked is not None and told.available is not None:
            left = told.booked.amount_minor, told.available.amount_minor
            assert left == (imagined.balances[by], imagined.available(by))

    @rule(by=names, other=others, amount=amounts, key=keys)
    def pay(self, by: str, other: int, amount: int, key: str) -> None:
        self._send(by, other, amount, key, NOW)

    @rule(by=names, other=others, amount=amounts, key=keys, hold_s=lives)
    def authorise(self, by: str, other: int, amount: int, key: str, hold_s: int) -> None:
        self._send(by, other, amount, key, hold_s)

    @precondition(lambda self: self.oracle.payments)
    @rule(number=numbers, who=payment_sides, amount=parts, key=keys, final=st.booleans())
    def capture(self, number: int, who: str, amount: int | None, key: str, *, final: bool) -> None:
        self.capture_it(self._choose(number, _is_held), who, amount, key, final=final)

    def capture_it(self, name: str, who: str, amount: int | None, key: str, *, final: bool) -> None:
        by, key = self._side(name, who), key or next(self.fresh)

        def send() -> None:
            state = self._state(name, who)
            order = move_order(self.people[by], PaymentVerb.CAPTURE, self.objects[name], amount, final=final, key=key)
            expected = self.oracle.capture(by, name, amount, key, final=final)
            self._compare("capture", ("move", by, key), expected, lambda: lane.call(move_payment, order), state)

        self._do(send)

    @precondition(lambda self: self.oracle.payments)
    @rule(number=numbers, who=deciders, verb=st.sampled_from(["approve", "approve", *VERBS]), key=keys)
    def decide_payment(self, number: int, who: str, verb: str, key: str) -> None:
        self.decide_payment_about(self._choose(number, _waits), who, verb, key)

    def decide_payment_about(self, name: str, who: str, verb: str, key: str) -> None:
        """Let its maker, the `first` or `second` other of the payer's, the payee or a stranger decide."""
        it = self.oracle.payments[name]
        by = {"payee": it.payee, "stranger": _third(it.payer, it.payee)}.get(who, it.payer)
        others = dict(zip(("first", "second"), self.approvers.get(by, ()), strict=False))
        person, key = others.get(who, self.people[by]), key or next(self.fresh)
        named = who if who in others else "maker"

        def send() -> None:
            state = f"{self.oracle.payments[name]}; {who}{self._wallets(it.payer, it.payee)}"
            order = move_order(person, PaymentVerb(verb), self.objects[name], key=key)
            expected = self.oracle.decide_payment(by, named, verb, name, key)
            action = f"{verb} payment"
            self._compare(action, ("move", by, key), expected, lambda: lane.call(move_payment, order), state)

        self._do(send)

    @precondition(lambda self: self.oracle.payments)
    @rule(number=numbers, who=payment_sides, key=keys)
    def release(self, number: int, who: str, key: str) -> None:
        self.release_it(self._choose(number, _is_held), who, key)

    def release_it(self, name: str, who: str, key: str) -> None:
        by, key = self._side(name, who), key or next(self.fresh)

        def send() -> None:
            state = self._state(name, who)
            order = move_order(self.people[by], PaymentVerb.RELEASE, self.objects[name], key=key)
            expected = self.oracle.release(by, name, key)
            self._compare("release", ("move", by, key), expected, lambda: lane.call(move_payment, order), state)

        self._do(send)

    @precondition(lambda self: self.oracle.payments)
    @rule(number=numbers, who=payment_sides, amount=parts, key=keys)
    def refund(self, number: int, who: str, amount: int | None, key: str) -> None:
        self.refund_it(self._choose(number, _is_paid), who, amount, key)

    def refund_it(self, name: str, who: str, amount: int | None, key: str) -> None:
        by, key = self._side(name, who), key or next(self.fresh)

        def send() -> None:
            state = self._state(name, who)
            order = move_order(self.people[by], PaymentVerb.REFUND, self.objects[name], amount, key=key)
            expected = self.oracle.refund(by, name, amount, key)
            self._compare("refund", ("refund", by, key), expected, lambda: lane.call(refund_payment, order), state)

        self._do(send)

    @precondition(lambda self: self.oracle.payments)
    @rule(number=numbers)
    def time_passes(self, number: int) -> None:
        self.deadline_passes(self._choose(number, _is_held))

    def deadline_passes(self, name: str) -> None:
        """Let the time of a hold be over: its deadline moves, so that the clock need not."""
        if not self.oracle.payments[name].left:
            return
        self.oracle.payments[name].due = True
        payment_id = identifiers.parse("pay", self.objects[name]).bytes
        moment_ago = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
        with connection.cursor() as cursor:
            for table, column in (("payments_payment", "id"), ("ledger_hold", "subject_id")):
                sql = f"UPDATE {table} SET expires_at = %s WHERE {column} = %s"  # noqa: S608
                cursor.execute(sql, [moment_ago, payment_id])

    @precondition(lambda self: self.oracle.payments)
    @rule(number=numbers)
    def expire(self, number: int) -> None:
        self.expire_it(self._choose(number, _is_held))

    def expire_it(self, name: str) -> None:
        """Let the system expire one payment, due or not."""
        order = expire_order(self.objects[name])
        state = self._state(name, "system")
        expected = self.oracle.expire(name)
        self._compare("expire", ("move", "system", order.key), expected, lambda: lane.call(move_payment, order), state)

    @rule()
    def expire_what_is_due(self) -> None:
        """Do what the worker does every minute."""
        for name, payment in self.oracle.payments.items():
            if payment.left and payment.due:
                visited["expire", self._state(name, "system"), "ok"] += 1
                self.oracle.expire(name)
        while expire_due() == BATCH_MAX:
            pass

    @rule(who=names, verb=st.sampled_from(["freeze", "reopen", "reopen", "reopen", "reopen", "close"]))
    def change_wallet(self, who: str, verb: str) -> None:
        """Let staff freeze, reopen or close a wallet."""
        state = self._wallets(who)
        expected = self.oracle.change_wallet(who, verb)
        visited[verb, state, expected] += 1
        change = {"freeze": wallets.freeze, "reopen": wallets.reopen, "close": wallets.close}[verb]
        assert _said(lambda: change(by=OPERATOR, account_id=self.wallets[who], reason="a test")) == expected

    @rule(by=names, drawn=lines, key=keys)
    def bulk(self, by: str, drawn: Sequence[tuple[int | None, int, str, int | None]], key: str) -> None:
        """Send a batch of good lines, bad lines and lines with keys that were used before."""
        key = key or next(self.fresh)
        batch_lines = [
            Line("") if other is None else Line(line_key or next(self.fresh), _somebody(by, other), amount, hold_s)
            for other, amount, line_key, hold_s in drawn
        ]

        def send() -> None:
            expected, outcomes = self.oracle.bulk(by, batch_lines, key)
            items = [self._item(by, line) for line in batch_lines]
            order = batch_of(self.people[by], items, key=key)
            with patch.object(bulk, "PART_ITEMS_MAX", 2):
                self._compare("bulk", ("bulk", by, key), expected, lambda: _run_batch(order))
            if outcomes:
                self._carry_out(by, batch_lines, outcomes, self.objects[expected[1]])

        self._do(send)

    @precondition(lambda self: len(self.oracle.settlements) < 6)
    @rule(by=names, other=others, amount=amounts, key=keys)
    def ask(self, by: str, other: int, amount: int, key: str) -> None:
        debtor = _somebody(by, other)
        key = key or next(self.fresh)

        def send() -> None:
            order = request_order(self.people[by], self.people[debtor], amount, key=key)
            expected = self.oracle.ask(by, debtor, amount, key)
            self._compare("ask", ("settle", by, key), expected, lambda: lane.call(move_settlement, order))

        self._do(send)

    @precondition(lambda self: self.oracle.settlements)
    @rule(
        number=st.integers(0, 5),
        who=sides,
        verb=st.sampled_from(["approve", "approve", *VERBS]),
        key=keys,
        ahead=aheads,
    )
    def decide(self, number: int, who: str, verb: str, key: str, ahead: int) -> None:
        known = self.oracle.settlements
        still_open = [name for name, settlement in known.items() if settlement.state == "requested"]
        found = still_open if still_open and number % 3 else list(known)
        self.decide_about(found[number % len(found)], who, verb, key, ahead)

    def decide_about(self, name: str, who: str, verb: str, key: str, ahead: int) -> None:
        """Let somebody decide about a settlement; `ahead` of its version is another than the current one."""
        found = self.oracle.settlements[name]
        asker, debtor = found.asker, found.debtor
        sides = {"right": asker if verb == "withdraw" else debtor, "asker": asker, "debtor": debtor}
        by = sides.get(who) or _third(asker, debtor)
        version = found.version + ahead
        key = key or next(self.fresh)

        def send() -> None:
            settlement = self.oracle.settlements[name]
            state = settlement.state if settlement.version == version else f"{settlement.state}, other version"
            order = decision(
                self.people[by], Verb(verb), identifiers.parse("set", self.objects[name]), version=version, key=key
            )
            expected = self.oracle.decide(by, verb, name, version, key)
            self._compare(verb, ("settle", by, key), expected, lambda: lane.call(move_settlement, order), state)

        self._do(send)

    @precondition(lambda self: self.again)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.again[-5:]))()

    @invariant()
    def balances_agree(self) -> None:
        sql = "SELECT id, balance_minor, held_minor, state FROM ledger_account WHERE id IN (%s, %s, %s)"
        found = {UUID(bytes=bytes(id_)): facts for id_, *facts in _rows(sql, *self.wallets.values())}
        assert found == {
            self.wallets[name]: [
                self.oracle.balances[name],
                self.oracle.held(name),
                self.oracle.wallets.get(name, "open"),
            ]
            for name in NAMES
        }

    @invariant()
    def payments_agree(self) -> None:
        sql = (
            "SELECT id, state, amount_minor, captured_minor, refunded_minor FROM payments_payment"
            " WHERE payer_id IN (%s, %s, %s)"
        )
        payers = [who.party_id for who in self.people.values()]
        found = {identifiers.show("pay", UUID(bytes=bytes(id_))): facts for id_, *facts in _rows(sql, *payers)}
        assert found == {
            self.objects[name]: [it.state, it.amount, it.captured, it.refunded]
            for name, it in self.oracle.payments.items()
        }

    def teardown(self) -> None:
        books_are_right(*self.people.values())

    def _send(self, by: str, other: int, amount: int, key: str, hold_s: int | None) -> None:
        to = _somebody(by, other)
        key = key or next(self.fresh)

        def send() -> None:
            state = self._wallets(by, to)
            order = self._order(by, to, amount, key, hold_s)
            expected = self.oracle.pay(by, to, amount, key, hold_s)
            action = "pay" if hold_s is NOW else "authorise"
            self._compare(action, ("pay", by, key), expected, lambda: lane.call(send_payment, order), state)

        self._do(send)

    def _order(self, by: str, to: str, amount: int, key: str, hold_s: int | None) -> PaymentOrder:
        payer, payee = self.people[by], self.people[to]
        if hold_s is NOW:
            return people.payment_order(payer, payee, amount, key=key)
        return authorise_order(payer, payee, amount, hold_for=timedelta(seconds=hold_s), key=key)

    def _item(self, by: str, line: Line) -> BatchItem:
        if not line.to:
            return BatchItem("", None, INVALID)
        return BatchItem(line.key, self._order(by, line.to, line.amount, line.key, line.hold_s), None)

    def _carry_out(self, by: str, batch_lines: Sequence[Line], outcomes: Sequence[tuple[str, str]], shown: str) -> None:
        """Carry a batch out, two lines in a transaction, and compare what became of each."""
        batch_id = identifiers.parse("bat", shown)
        bulk.carry_out(batch_id)
        items = batch_items(batch_id, after=-1, limit=100)
        for line, item, (code, name) in zip(batch_lines, items, outcomes, strict=True):
            visited["bulk line", "", code] += 1
            assert (item["problem"] or {"code": "ok"})["code"] == code
            assert (item["status"] < 400) == (code == "ok")
            if name:
                assert self.objects.setdefault(name, item["payment"]) == item["payment"]
            if code != "invalid_request" and ("pay", by, line.key) in self.oracle.answers:
                # What is sent by itself afterwards is answered what the line was; its text is not known yet.
                self.texts.setdefault(("pay", by, line.key), "")

    def _choose(self, number: int, fits: Callable[[OraclePayment], bool]) -> str:
        """Return the name of a payment: three times out of four one with which something can be done."""
        fitting = [name for name, payment in self.oracle.payments.items() if fits(payment)]
        found = fitting if fitting and number % 4 else list(self.oracle.payments)
        return found[number % len(found)]

    def _side(self, name: str, who: str) -> str:
        """Return who is on a side of a payment."""
        it = self.oracle.payments[name]
        return {"payee": it.payee, "payer": it.payer}.get(who) or _third(it.payer, it.payee)

    def _state(self, name: str, who: str) -> str:
        it = self.oracle.payments[name]
        return f"{it}; {who}" if who != "payee" else f"{it}{self._wallets(it.payer, it.payee)}"

    def _wallets(self, *who: str) -> str:
        """Tell which wallets are not open."""
        shut = sorted({state for name in who if (state := self.oracle.wallets.get(name, "open")) != "open"})
        return f"; wallet {' and '.join(shut)}" if shut else ""

    def _do(self, send: Callable[[], None]) -> None:
        self.again.append(send)
        send()

    def _compare(
        self,
        action: str,
        scope: tuple[str, str, str],
        expected: tuple[str, str],
        call: Callable[[], Answer],
        state: str = "",
    ) -> None:
        """Send the order for real and compare the answer with the oracle's; a replay is the same to the letter."""
        code, name = expected
        visited[action, state, code] += 1
        answer = _outcome(call)
        assert _code(answer) == code
        if isinstance(answer, DomainError):
            return
        assert answer.replayed == (scope in self.texts)
        assert (self.texts.get(scope) or answer.text) == answer.text
        self.texts[scope] = answer.text
        if name:
            assert self.objects.setdefault(name, answer.document()["id"]) == answer.document()["id"]


def _rows(sql: str, *ids: UUID) -> list[list[Any]]:
    """Return rows without the ORM, which takes three times as long: these are asked for after every step."""
    with connection.cursor() as cursor:
        cursor.execute(sql, [id_.bytes for id_ in ids])
        return [list(row) for row in cursor.fetchall()]


def _is_held(payment: OraclePayment) -> bool:
    return payment.left > 0


def _waits(payment: OraclePayment) -> bool:
    return payment.state == "pending_approval"


def _is_paid(payment: OraclePayment) -> bool:
    return payment.captured > payment.refunded


def _run_batch(order: bulk.BatchOrder) -> Answer:
    [outcome] = batch.run(submit_batch, [order])
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _outcome(call: Callable[[], Answer]) -> Outcome:
    try:
        return call()
    except DomainError as refusal:
        return refusal


def _said(call: Callable[[], None]) -> str:
    """Return `ok` or the code of the refusal that a call raises."""
    try:
        call()
    except DomainError as refusal:
        return refusal.code
    return "ok"


def _code(outcome: Outcome) -> str:
    if isinstance(outcome, DomainError):
        return outcome.code
    return "ok" if outcome.status < 400 else str(outcome.document()["code"])


def _somebody(by: str, other: int) -> str:
    return NAMES[(NAMES.index(by) + other) % len(NAMES)]


def _third(one: str, other: str) -> str:
    return next(name for name in NAMES if name not in {one, other})
