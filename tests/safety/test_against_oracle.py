"""R16: whatever people do in whatever order, the system answers what a simple model of it answers.

Hypothesis makes up the stories: money let in and taken out; payments previewed, made at once, authorised, captured in
parts, released, expired, refunded; payments that wait until others approve, reject or withdraw them; batches of good
and bad lines; wallets frozen, reopened and closed; settlements asked and decided; by the right side and the wrong one,
with fresh keys, with keys sent again and with keys used for something else. At the end of the run the matrix of what
was tried in which state is printed.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from paysettle.identity.limits import Limits
from paysettle.payments.operations import moves
from tests.plugin import ALL, KIND
from tests.safety.machine import NAMES, VERBS, WEEK_S, Machine, visited
from tests.safety.oracle import NOW, Oracle

LONG = bool(os.environ.get("TEST_LONG"))
EXAMPLES, STEPS = (300, 30) if KIND == "sqlite" else (50, 20)
if LONG:
    EXAMPLES, STEPS = 5000, 50
SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    derandomize=not LONG,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
FEW = settings(SETTINGS, max_examples=40, report_multiple_bugs=False, phases=[Phase.generate])


@pytest.fixture(scope="module", autouse=True)
def matrix(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell in which states each action was tried, and how often in each it was done and refused."""
    yield
    states: dict[str, dict[str, Counter[str]]] = {}
    for (action, state, code), times in sorted(visited.items()):
        found = states.setdefault(action, {}).setdefault(state.removeprefix("; ") or "any", Counter())
        found["done" if code == "ok" else "refused"] += times
    for action, by_state in states.items():
        tried = "; ".join(f"({state}) {found['done']}/{found['refused']}" for state, found in by_state.items())
        tell(f"{action}, done/refused: {tried}")


@pytest.mark.money
def test_the_system_answers_what_the_oracle_answers() -> None:
    run_state_machine_as_test(Machine, settings=SETTINGS)
    assert {action for action, _, code in visited if code == "ok"} >= {
        "deposit",
        "take out",
        "preview",
        "pay",
        "authorise",
        "bulk",
        "ask",
    }
    assert {code for *_, code in visited} >= {"idempotency_key_reused", "insufficient_funds"}


@pytest.mark.shared(*ALL)
@pytest.mark.parametrize("reached_by", ["", "approve", "reject", "withdraw"])
def test_every_decision_of_everybody_in_every_state(reached_by: str) -> None:
    """Each (state, decision, side, version) once: the part of the matrix that chance might leave out."""
    machine = Machine()
    machine.deposit("ben", 1000)
    tries = [(verb, who, ahead) for ahead in (1, 0) for verb in VERBS for who in ("asker", "debtor", "stranger")]
    for number, (verb, who, ahead) in enumerate(tries):
        machine.ask("ana", 1, 10, "")
        if reached_by:
            machine.decide_about(f"settlement {number + 1}", "right", reached_by, "", 0)
        machine.decide_about(f"settlement {number + 1}", who, verb, "", ahead)
    machine.balances_agree()
    machine.teardown()


Step = Callable[[Machine, str], None]


def _pays(machine: Machine, _name: str) -> None:
    machine.pay("ana", 1, 10, "")


def _authorises(machine: Machine, _name: str) -> None:
    machine.authorise("ana", 1, 10, "", WEEK_S)


def _captures(machine: Machine, name: str) -> None:
    machine.capture_it(name, "payee", 5, "", final=False)


def _releases(machine: Machine, name: str) -> None:
    machine.release_it(name, "payee", "")


def _time_passes(machine: Machine, name: str) -> None:
    machine.deadline_passes(name)


def _expires(machine: Machine, name: str) -> None:
    machine.expire_it(name)


def _orders(machine: Machine, _name: str) -> None:
    machine.pay("ana", 1, 20, "")  # more than ana may send alone


def _orders_what_two_approve(machine: Machine, _name: str) -> None:
    machine.authorise("ana", 1, 55, "", WEEK_S)


def _approves(machine: Machine, name: str) -> None:
    machine.decide_payment_about(name, "first", "approve", "")


def _rejects(machine: Machine, name: str) -> None:
    machine.decide_payment_about(name, "second", "reject", "")


def _withdraws(machine: Machine, name: str) -> None:
    machine.decide_payment_about(name, "maker", "withdraw", "")


def _refunds_some(machine: Machine, name: str) -> None:
    machine.refund_it(name, "payee", 1, "")


def _refunds_all(machine: Machine, name: str) -> None:
    machine.refund_it(name, "payee", None, "")


STATES: dict[str, list[Step]] = {
    "completed": [_pays],
    "completed, part refunded": [_pays, _refunds_some],
    "completed, refunded": [_pays, _refunds_all],
    "completed, part released": [_authorises, _captures, _releases],
    "completed, part released, part refunded": [_authorises, _captures, _releases, _refunds_some],
    "authorised": [_authorises],
    "authorised, due": [_authorises, _time_passes],
    "authorised, part captured": [_authorises, _captures],
    "authorised, part captured, due": [_authorises, _captures, _time_passes],
    "authorised, part captured, part refunded": [_authorises, _captures, _refunds_some],
    "authorised, part captured, refunded": [_authorises, _captures, _refunds_all],
    "released": [_authorises, _releases],
    "expired": [_authorises, _time_passes, _expires],
    "pending_approval": [_orders],
    "pending_approval, due": [_orders, _time_passes],
    "pending_approval, part approved": [_orders_what_two_approve, _approves],
    "rejected": [_orders, _rejects],
    "withdrawn": [_orders, _withdraws],
    "lapsed": [_orders, _time_passes, _expires],
}
# Who decides about a payment that waits, for each side: another one of the payer's, or two more in their places.
DECIDER = {"payer": "first", "payee": "payee", "stranger": "stranger"}
OTHER = {"payer": "maker", "payee": "second", "stranger": "stranger"}
MOVES: dict[str, Callable[[Machine, str, str], None]] = {
    "capture all": lambda machine, name, who: machine.capture_it(name, who, None, "", final=False),
    "capture a part": lambda machine, name, who: machine.capture_it(name, who, 2, "", final=False),
    "capture the last part": lambda machine, name, who: machine.capture_it(name, who, 2, "", final=True),
    "capture too much": lambda machine, name, who: machine.capture_it(name, who, 11, "", final=False),
    "release": lambda machine, name, who: machine.release_it(name, who, ""),
    "refund all": lambda machine, name, who: machine.refund_it(name, who, None, ""),
    "refund a part": lambda machine, name, who: machine.refund_it(name, who, 2, ""),
    "refund too much": lambda machine, name, who: machine.refund_it(name, who, 11, ""),
    "expire": lambda machine, name, _: machine.expire_it(name),
    "approve": lambda machine, name, who: machine.decide_payment_about(name, DECIDER[who], "approve", ""),
    "approve as another": lambda machine, name, who: machine.decide_payment_about(name, OTHER[who], "approve", ""),
    "reject": lambda machine, name, who: machine.decide_payment_about(name, DECIDER[who], "reject", ""),
    "withdraw": lambda machine, name, who: machine.decide_payment_about(name, OTHER[who], "withdraw", ""),
    "withdraw as another": lambda machine, name, who: machine.decide_payment_about(name, DECIDER[who], "withdraw", ""),
}


@pytest.mark.shared(*ALL)
@pytest.mark.parametrize("state", STATES)
def test_every_move_of_everybody_in_every_state_of_a_payment(state: str) -> None:
    """Each (state, move, side) once: the part of the matrix that chance might leave out."""
    machine = Machine()
    machine.deposit("ana", 10_000)
    for move in MOVES.values():
        for who in ("payee", "payer", "stranger"):
            name = f"payment {len(machine.oracle.payments) + 1}"
            for step in STATES[state]:
                step(machine, name)
            assert str(machine.oracle.payments[name]) == state
            move(machine, name, who)
    machine.balances_agree()
    machine.payments_agree()
    machine.teardown()


@pytest.mark.shared(*ALL)
@pytest.mark.parametrize("whose", ["payer", "payee"])
@pytest.mark.parametrize("verb", ["freeze", "close"])
def test_every_action_while_a_wallet_is_frozen_or_closed(whose: str, verb: str) -> None:
    """Each action once while the wallet of one side takes no part; closing is refused while there is money."""
    machine = Machine()
    machine.deposit("ana", 100)
    _pays(machine, "payment 1")
    _authorises(machine, "payment 2")
    _authorises(machine, "payment 3")
    _authorises(machine, "payment 4")
    _orders(machine, "payment 5")
    machine.authorise("ana", 1, 20, "", WEEK_S)
    machine.ask("ben", 2, 10, "")
    machine.pay("ben", 1, 10, "")
    machine.change_wallet("ana" if whose == "payer" else "ben", verb)
    machine.deposit("ana", 1)
    machine.deposit("ben", 1)
    for act in (machine.pay, partial(machine.authorise, hold_s=WEEK_S)):
        act("ana", 1, 10, "")
        act("ben", 2, 1, "")
    for hold_s in (NOW, WEEK_S):
        machine.preview("ana", 1, 10, hold_s)
        machine.preview("ben", 2, 1, hold_s)
    for name in NAMES:
        machine.take_out(name, 1)
    machine.bulk("ana", [(1, 1, "", NOW), (1, 1, "", WEEK_S)], "")
    _captures(machine, "payment 2")
    _releases(machine, "payment 3")
    _time_passes(machine, "payment 4")
    _expires(machine, "payment 4")
    _refunds_all(machine, "payment 1")
    _approves(machine, "payment 5")
    _approves(machine, "payment 6")
    machine.decide_about("settlement 1", "right", "approve", "", 0)
    for again in ("freeze", "close", "reopen"):
        machine.change_wallet("ana" if whose == "payer" else "ben", again)
    machine.balances_agree()
    machine.payments_agree()
    machine.teardown()


@pytest.mark.money
def test_control_a_system_that_pays_out_more_than_is_there_is_told_apart() -> None:
    """With the oracle's look at funds gone the two disagree, and Hypothesis finds a story that shows it."""

    def _refusal(_oracle: Oracle, *_changes: object) -> str:
        return "ok"

    with patch.object(Oracle, "_refusal", _refusal), pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=FEW)


@pytest.mark.money
def test_control_a_system_that_lets_makers_approve_is_told_apart() -> None:
    """With the system's look at who decides gone the two disagree about the table above."""
    machine = Machine()
    machine.deposit("ana", 100)
    _orders(machine, "payment 1")
    with patch.object(moves, "check_decision", lambda *_args, **_named: None), pytest.raises(AssertionError):
        machine.decide_payment_about("payment 1", "maker", "approve", "")
    machine.teardown()


@pytest.mark.money
def test_control_a_system_without_limits_is_told_apart() -> None:
    """With the system's look at limits gone the two disagree, and Hypothesis finds a story that shows it."""
    with patch.object(Limits, "demand", lambda *_: None), pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=FEW)


@pytest.mark.money
def test_control_a_system_that_lets_the_payer_capture_is_told_apart() -> None:
    """With the system's look at who moves gone the two disagree, and Hypothesis finds a story that shows it."""
    with patch.object(moves, "check_move", lambda *_args, **_named: None), pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=FEW)
