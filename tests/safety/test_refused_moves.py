"""X5, payments that exist: whoever may not move them, or moves too much, too late or the wrong one, changes nothing.

Each row of the table is a test by its name: what is given, who tries what, and the status, code and pointer of the
refusal. Afterwards all rows of everybody are as they were to the letter, but for the key of a refusal that is kept.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from paysettle.identity.caller import Caller
from paysettle.kernel.identifiers import SYSTEM
from paysettle.ledger import accounts
from paysettle.payments.operations import wallets
from paysettle.payments.operations.expiry import BATCH_MAX, expire_due
from tests.money import balance, books_are_right
from tests.moves import authorise, capture, refund, release
from tests.people import Person, deposit, pay, person
from tests.safety.rows import Rows, contents_of, grown, rows_of
from tests.server import Reply, Server

pytestmark = pytest.mark.money

OPERATOR = Caller(party_id=SYSTEM, operator="tests")
DUE = timedelta(0)


@dataclass
class Stage:
    """Ana has money, ben is paid, eva has nothing to do with it."""

    server: Server
    ana: Person = field(default_factory=lambda: person("ana"))
    ben: Person = field(default_factory=lambda: person("ben"))
    eva: Person = field(default_factory=lambda: person("eva"))

    def paid(self, amount_minor: int = 100) -> str:
        return str(pay(self.ana, self.ben, amount_minor).document()["id"])

    def held(self, hold_for: timedelta = timedelta(days=7)) -> str:
        return str(authorise(self.ana, self.ben, 100, hold_for=hold_for).document()["id"])

    def captured(self, amount_minor: int | None) -> str:
        payment = self.held()
        assert capture(self.ben, payment, amount_minor).status == 200
        return payment

    def released(self) -> str:
        payment = self.held()
        assert release(self.ben, payment).status == 200
        return payment

    def expired(self) -> str:
        payment = self.held(DUE)
        while expire_due() == BATCH_MAX:
            pass
        return payment

    def refunded(self, amount_minor: int) -> str:
        payment = self.paid()
        assert refund(self.ben, payment, amount_minor).status == 201
        return payment

    def spent(self) -> str:
        """Return a payment whose payee has spent the money."""
        payment = self.paid()
        assert pay(self.ben, person("cem"), 100).status == 201
        return payment

    def frozen(self, who: Person, payment: str) -> str:
        self._staff(wallets.freeze, who)
        return payment

    def closed(self, who: Person, payment: str) -> str:
        """Return a payment after somebody has spent everything and left."""
        assert pay(who, person("cem"), balance(who)).status == 201
        self._staff(wallets.close, who)
        return payment

    def send(self, by: Person, path: str, body: Any) -> Reply:
        headers = {"Idempotency-Key": secrets.token_hex(12), "Content-Type": "application/json"}
        return self.server.client(by).raw(path, b"" if body is None else json.dumps(body).encode(), headers)

    def everything(self) -> list[tuple[Rows, Any]]:
        return [(rows_of(who), contents_of(who)) for who in (self.ana, self.ben, self.eva)]

    @staticmethod
    def _staff(change: Callable[..., None], who: Person) -> None:
        change(by=OPERATOR, account_id=accounts.wallet(who.party_id, "EUR"), reason="a test")


@pytest.fixture
def stage(server: Server) -> Stage:
    found = Stage(server)
    deposit(found.ana, 1000)
    return found


class Row(NamedTuple):
    """What is given, what is asked of it and by whom, and how it is refused."""

    given: Callable[[Stage], str]
    verb: str
    body: Any
    status: int
    code: str
    pointer: str = ""
    by: str = "ben"
    kept: bool = False


def euros(amount_minor: Any, currency: str = "EUR", **more: Any) -> dict[str, Any]:
    return {"amount": {"amount": amount_minor, "currency": currency}, **more}


def kept(given: Callable[[Stage], str], verb: str, body: Any, status: int, code: str) -> Row:
    """Return a row whose refusal is kept under its key."""
    return Row(given, verb, body, status, code, kept=True)


def wrong(verb: str, body: Any, pointer: str, code: str) -> Row:
    """Return a row whose body has a wrong field."""
    given = Stage.paid if verb == "refunds" else Stage.held
    return Row(given, verb, body, 422, "invalid_request", f"{pointer} {code}")


def part_captured(stage: Stage) -> str:
    return stage.captured(40)


def all_captured(stage: Stage) -> str:
    return stage.captured(None)


def due(stage: Stage) -> str:
    return stage.held(DUE)


NOT_HELD = (409, "payment_not_authorised")
TOO_MUCH = (422, "refund_exceeds_payment")
NOTHING = (409, "nothing_to_refund")

ROWS = {
    "capture more than is held": kept(Stage.held, "captures", euros(101), 422, "capture_exceeds_hold"),
    "capture more than is left": kept(part_captured, "captures", euros(61), 422, "capture_exceeds_hold"),
    "capture more than is left, and no more": kept(
        part_captured, "captures", euros(61, final=True), 422, "capture_exceeds_hold"
    ),
    "capture all again": kept(all_captured, "captures", None, *NOT_HELD),
    "capture after release": kept(Stage.released, "captures", euros(1), *NOT_HELD),
    "capture after expiry": kept(Stage.expired, "captures", euros(1), *NOT_HELD),
    "capture after the deadline and before expiry": kept(due, "captures", euros(1), 422, "hold_expired"),
    "capture what was paid at once": kept(Stage.paid, "captures", None, *NOT_HELD),
    "capture in another currency": Row(Stage.held, "captures", euros(1, "USD"), 422, "currency_mismatch"),
    "capture by the payer": Row(Stage.held, "captures", None, 403, "not_the_payee", by="ana"),
    "capture by a stranger": Row(Stage.held, "captures", None, 404, "not_found", by="eva"),
    "capture of a frozen payer": kept(
        lambda stage: stage.frozen(stage.ana, stage.held()), "captures", None, 422, "account_frozen"
    ),
    "capture of a frozen payee": kept(
        lambda stage: stage.frozen(stage.ben, stage.held()), "captures", None, 422, "account_frozen"
    ),
    "capture nothing": wrong("captures", euros(0), "/amount/amount", "not_positive"),
    "capture less than nothing": wrong("captures", euros(-1), "/amount/amount", "not_positive"),
    "capture half a cent": wrong("captures", euros("0.5"), "/amount/amount", "not_a_number"),
    "capture without an amount in the amount": wrong(
        "captures", {"amount": {"currency": "EUR"}}, "/amount/amount", "required"
    ),
    "capture with amount null": wrong("captures", {"amount": None}, "/amount", "required"),
    "capture with final as text": wrong("captures", {"final": "true"}, "/final", "not_a_flag"),
    "capture with final as number": wrong("captures", {"final": 1}, "/final", "not_a_flag"),
    "capture with final null": wrong("captures", {"final": None}, "/final", "required"),
    "capture with a reason": wrong("captures", {"reason": "x"}, "/reason", "unknown_field"),
    "capture for somebody else": wrong("captures", {"payee": "eva"}, "/payee", "unknown_field"),
    "release twice": kept(Stage.released, "release", None, *NOT_HELD),
    "release after expiry": kept(Stage.expired, "release", None, *NOT_HELD),
    "release after capture": kept(all_captured, "release", None, *NOT_HELD),
    "release what was paid at once": kept(Stage.paid, "release", None, *NOT_HELD),
    "release by the payer": Row(Stage.held, "release", None, 403, "not_the_payee", by="ana"),
    "release by a stranger": Row(Stage.held, "release", None, 404, "not_found", by="eva"),
    "release a part": wrong("release", euros(1), "/amount", "unknown_field"),
    "refund more than was paid": kept(Stage.paid, "refunds", euros(101), *TOO_MUCH),
    "refund 101 % in parts": kept(lambda stage: stage.refunded(60), "refunds", euros(41), *TOO_MUCH),
    "refund all again": kept(lambda stage: stage.refunded(100), "refunds", None, *TOO_MUCH),
    "refund more than was captured": kept(part_captured, "refunds", euros(41), *TOO_MUCH),
    "refund of an uncaptured hold": kept(Stage.held, "refunds", euros(1), *NOTHING),
    "refund after release": kept(Stage.released, "refunds", None, *NOTHING),
    "refund after expiry": kept(Stage.expired, "refunds", None, *NOTHING),
    "refund in another currency": Row(Stage.paid, "refunds", euros(1, "USD"), 422, "currency_mismatch"),
    "refund in a currency with other decimals": Row(Stage.paid, "refunds", euros(1, "JPY"), 422, "currency_mismatch"),
    "refund by the payer": Row(Stage.paid, "refunds", None, 403, "not_the_payee", by="ana"),
    "refund by a stranger": Row(Stage.paid, "refunds", None, 404, "not_found", by="eva"),
    "refund of money that is spent": kept(Stage.spent, "refunds", None, 422, "insufficient_funds"),
    "refund of a frozen payee": kept(
        lambda stage: stage.frozen(stage.ben, stage.paid()), "refunds", None, 422, "account_frozen"
    ),
    "refund to a frozen payer": kept(
        lambda stage: stage.frozen(stage.ana, stage.paid()), "refunds", None, 422, "account_frozen"
    ),
    "refund to a closed wallet": kept(
        lambda stage: stage.closed(stage.ana, stage.paid()), "refunds", None, 422, "account_closed"
    ),
    "refund nothing": wrong("refunds", euros(0), "/amount/amount", "not_positive"),
    "refund less than nothing": wrong("refunds", euros(-100), "/amount/amount", "not_positive"),
    "refund an unknown currency": wrong("refunds", euros(1, "eur"), "/amount/currency", "unknown_currency"),
    "refund for good": wrong("refunds", {"final": True}, "/final", "unknown_field"),
    "refund with too long a reason": wrong("refunds", {"reason": "é" * 141}, "/reason", "too_long"),
    "refund with a number for a reason": wrong("refunds", {"reason": 7}, "/reason", "not_a_text"),
    "refund with a line break in the reason": wrong("refunds", {"reason": "a\nb"}, "/reason", "not_printable"),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_move_that_may_not_be_is_refused_and_nothing_happens(stage: Stage, row: str) -> None:
    given, verb, body, status, code, pointer, by, is_kept = ROWS[row]
    payment = given(stage)
    who = {"ana": stage.ana, "ben": stage.ben, "eva": stage.eva}[by]
    before = stage.everything()
    reply = stage.send(who, f"/api/v1/payments/{payment}/{verb}", body)
    assert (reply.status, reply.document["code"]) == (status, code)
    assert [f"{e['pointer']} {e['code']}" for e in reply.document.get("errors", [])] == ([pointer] if pointer else [])
    _nothing_happened(stage, before, keys_of=who if is_kept else None)
    books_are_right(stage.ana, stage.ben)


@pytest.mark.parametrize(
    "name", ["pay_" + "0" * 26, "pay_1", "set_" + "0" * 26, "1", "pay_" + "u" * 26, "PAY_" + "0" * 26, "%00", "pay_%F0"]
)
@pytest.mark.parametrize("verb", ["captures", "release", "refunds"])
def test_a_payment_that_does_not_exist_is_not_found(stage: Stage, verb: str, name: str) -> None:
    before = stage.everything()
    reply = stage.send(stage.ben, f"/api/v1/payments/{name}/{verb}", None)
    assert (reply.status, reply.document["code"]) == (404, "not_found")
    _nothing_happened(stage, before)


def test_a_refund_is_not_refunded(stage: Stage) -> None:
    payment = stage.paid()
    made = refund(stage.ben, payment, 60).document()["id"]
    before = stage.everything()
    for name in (made, made.replace("ref_", "pay_")):
        assert stage.send(stage.ana, f"/api/v1/payments/{name}/refunds", None).status == 404
    _nothing_happened(stage, before)


@pytest.mark.parametrize("verb", ["captures", "release", "refunds"])
def test_a_move_without_a_key_is_refused(stage: Stage, verb: str) -> None:
    payment = stage.held()
    before = stage.everything()
    reply = stage.server.client(stage.ben).raw(f"/api/v1/payments/{payment}/{verb}", b"", {})
    assert (reply.status, reply.document["code"]) == (400, "idempotency_key_missing")
    _nothing_happened(stage, before)


def test_a_key_does_not_serve_two_moves(stage: Stage) -> None:
    client, payment = stage.server.client(stage.ben), stage.held()
    assert client.post(f"/api/v1/payments/{payment}/captures", euros(40), key="one").status == 200
    before = stage.everything()
    for verb, body in (("captures", euros(41)), ("captures", euros(40, final=True)), ("release", None)):
        reply = client.post(f"/api/v1/payments/{payment}/{verb}", body, key="one")
        assert (reply.status, reply.document["code"]) == (422, "idempotency_key_reused")
        assert reply.document["object_id"] == payment
    assert client.post(f"/api/v1/payments/{payment}/captures", euros(40), key="one").status == 200
    _nothing_happened(stage, before)


def test_the_moves_that_all_rows_change_are_carried_out(stage: Stage) -> None:
    """No row is refused for another reason than its own."""
    moves: list[tuple[Callable[[Stage], str], str, Any]] = [
        (Stage.held, "captures", euros(100)),
        (part_captured, "captures", euros(60)),
        (part_captured, "captures", euros(1, final=True)),
        (Stage.held, "captures", None),
        (Stage.held, "release", None),
        (due, "release", {}),
        (Stage.paid, "refunds", euros(100)),
        (part_captured, "refunds", euros(40, reason="é" * 140)),
        (lambda stage: stage.refunded(60), "refunds", euros(40)),
    ]
    for given, verb, body in moves:
        assert stage.send(stage.ben, f"/api/v1/payments/{given(stage)}/{verb}", body).status in {200, 201}
    books_are_right(stage.ana, stage.ben)


def test_control_a_row_that_was_changed_is_seen(stage: Stage) -> None:
    """A release leaves no new payment behind and changes three rows: what is compared above would differ."""
    payment = stage.held()
    before = stage.everything()
    assert stage.send(stage.ben, f"/api/v1/payments/{payment}/release", None).status == 200
    with pytest.raises(AssertionError):
        _nothing_happened(stage, before)
    (_, before_ana), (_, after_ana) = before[0], stage.everything()[0]
    assert [table for table in before_ana if before_ana[table] != after_ana[table]] == [
        "wallets",
        "payments made",
        "holds",
    ]


def _nothing_happened(stage: Stage, before: list[tuple[Rows, Any]], *, keys_of: Person | None = None) -> None:
    """Fail if any row is new or another, but for one kept key of somebody."""
    for who, (rows, contents), (rows_now, contents_now) in zip(
        (stage.ana, stage.ben, stage.eva), before, stage.everything(), strict=True
    ):
        assert grown(rows, rows_now) == ({"keys": 1} if who is keys_of else {})
        assert contents_now == contents
