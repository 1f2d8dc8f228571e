"""The demo's story: four people, a week of money, told through the real API and printed as it happens.

Every step has a fixed idempotency key, and people who exist already sign in instead of signing up: a story that was
interrupted goes on where it stopped, and nothing in it happens twice.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import urllib3
from django.core.management.base import CommandError

from paysettle.dashboard import operations
from paysettle.identity import queries as people
from paysettle.identity.caller import Caller
from paysettle.kernel import identifiers
from paysettle.kernel.identifiers import SYSTEM
from paysettle.kernel.lane import lane
from paysettle.kernel.money import Money
from paysettle.ledger.verify import verify
from paysettle.notifications.mail import files
from paysettle.payments.models import TreasuryDirection
from paysettle.payments.operations import treasury

AUTH = "/_allauth/app/v1/auth"
PATIENCE_S = 20
CODE = re.compile(r"^([A-Z0-9]{3,4}-[A-Z0-9]{3,4})\s*$", re.MULTILINE)

Say = Callable[[str], None]


@dataclass(slots=True, eq=False)
class Somebody:
    """A person of the story: how they sign in, and what they call the API with."""

    name: str
    handle: str
    password: str
    address: str
    token: str = ""
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30))

    @property
    def email(self) -> str:
        """Mail of the demo goes to files, whatever the address."""
        return f"{self.handle}@demo.example"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """Call the API and return status and document."""
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        response = self._pool.request(method, self.address + path, json=body, headers=headers)
        return response.status, response.json() if response.data else {}

    def pay(self, to: "Somebody", amount: Money, note: str, *, key: str) -> tuple[int, dict[str, Any]]:
        """Pay somebody."""
        body = {"payee": to.handle, "amount": _order(amount), "note": note}
        return self.call("POST", "/api/v1/payments", body, **{"Idempotency-Key": key})

    def authorise(self, to: "Somebody", amount: Money, note: str, *, key: str) -> tuple[int, dict[str, Any]]:
        """Hold money for somebody."""
        body = {"payee": to.handle, "amount": _order(amount), "note": note, "capture": "later"}
        return self.call("POST", "/api/v1/payments", body, **{"Idempotency-Key": key})

    def move(self, payment: str, what: str, body: dict[str, Any], *, key: str) -> tuple[int, dict[str, Any]]:
        """Capture or refund."""
        return self.call("POST", f"/api/v1/payments/{payment}/{what}", body, **{"Idempotency-Key": key})

    def ask(self, debtor: "Somebody", amount: Money, reason: str, *, key: str) -> tuple[int, dict[str, Any]]:
        """Ask somebody to settle."""
        body = {"debtor": debtor.handle, "amount": _order(amount), "reason": reason}
        return self.call("POST", "/api/v1/settlements", body, **{"Idempotency-Key": key})

    def decide(self, settlement: str, verb: str, reason: str, *, key: str) -> tuple[int, dict[str, Any]]:
        """Approve or reject what somebody asked for."""
        headers = {"Idempotency-Key": key, "If-Match": '"1"'}
        return self.call("POST", f"/api/v1/settlements/{settlement}/{verb}", {"reason": reason}, **headers)


CAST = {
    "Ana": ("ana", "ana keeps the flat's accounts"),
    "Ben": ("ben", "ben always pays on Sunday"),
    "Cleo": ("cleo", "cleo has moved to Lisbon"),
    "Dov": ("dov", "dov bakes bread at night"),
}


def cast(address: str) -> list[Somebody]:
    """Return the four people of the story."""
    return [Somebody(name, handle, password, address) for name, (handle, password) in CAST.items()]


def tell(address: str, say: Say) -> None:
    """Tell the story against a running server and worker; raise CommandError if it goes another way than it should."""
    everybody = cast(address)
    for chapter in CHAPTERS:
        chapter(everybody, say)


def _sign_up(everybody: list[Somebody], say: Say) -> None:
    """Chapter one: everybody arrives."""
    say("\nFour people sign up; each confirms their address with the code that came by mail.")
    for somebody in everybody:
        _arrive(somebody, say)


def _fund(everybody: list[Somebody], say: Say) -> None:
    """Chapter two: money comes in."""
    say("\nThe treasury lets money in.")
    amounts = (_euro(250_00), _euro(80_00), _euro(40_00), Money(5000, "JPY"))
    for somebody, amount in zip(everybody, amounts, strict=True):
        say(f"  {somebody.name} gets {amount}: {_deposit(somebody, amount)}")


def _pay(everybody: list[Somebody], say: Say) -> None:
    """Chapter three: payments, one of them refused."""
    ana, ben, cleo, dov = everybody
    say("\nThey pay each other.")
    for payer, payee, amount, note, key in (
        (ana, ben, _euro(12_50), "Lunch", "story-lunch"),
        (ben, cleo, _euro(30_00), "Train tickets", "story-train"),
        (dov, ana, Money(1200, "JPY"), "Tea from Kyoto", "story-tea"),
    ):
        status, document = payer.pay(payee, amount, note, key=key)
        say(f"  {payer.name} pays {payee.name} {amount} for “{note}”: {_outcome(status, document, 201)}")
    status, document = ana.pay(ben, _euro(12_50), "Lunch", key="story-lunch")
    say(f"  Ana's connection broke, she sends the lunch again with the same key: {_outcome(status, document, 201)}")
    status, document = cleo.pay(ana, _euro(500_00), "Rent", key="story-rent")
    say(f"  Cleo tries to pay {_euro(500_00)} for the rent: {_outcome(status, document, 422)}")


def _hold(everybody: list[Somebody], say: Say) -> None:
    """Chapter four: authorised, captured, refunded."""
    ana, _, _, dov = everybody
    say("\nDov's bakery takes orders: money is held now and captured later.")
    status, held = ana.authorise(dov, _euro(60_00), "Bread for the party", key="story-party")
    say(f"  Ana holds {_euro(60_00)} for Dov: {_outcome(status, held, 201)}")
    status, document = dov.move(held["id"], "captures", {"amount": _order(_euro(20_00))}, key="story-party-1")
    say(f"  Dov delivers a first part and captures {_euro(20_00)}: {_outcome(status, document, 200)}")
    last = {"amount": _order(_euro(30_00)), "final": True}
    status, document = dov.move(held["id"], "captures", last, key="story-party-2")
    say(f"  … and the rest for {_euro(30_00)}; what is left goes back: {_outcome(status, document, 200)}")
    back = {"amount": _order(_euro(5_00)), "reason": "One loaf was burnt"}
    status, document = dov.move(held["id"], "refunds", back, key="story-party-3")
    say(f"  One loaf was burnt, Dov refunds {_euro(5_00)}: {_outcome(status, document, 201)}")


def _pay_together(everybody: list[Somebody], say: Say) -> None:
    """Chapter five: a batch, each order with its own outcome."""
    ana, ben, cleo, dov = everybody
    say("\nCleo pays her helpers in one call.")
    wages = [(ana, 3_00), (ben, 4_00), (dov, 900_00)]
    items = [
        {"key": f"story-wage-{n}", "payee": to.handle, "amount": _order(_euro(minor)), "note": "Moving day"}
        for n, (to, minor) in enumerate(wages)
    ]
    status, document = cleo.call(
        "POST", "/api/v1/payment-batches", {"items": items}, **{"Idempotency-Key": "story-wages"}
    )
    say(f"  {_outcome(status, document, 200)}: {document['succeeded']} paid, {document['refused']} refused")
    for (to, minor), item in zip(wages, document["items"], strict=True):
        problem = item["problem"]
        say(f"    {to.name} {_euro(minor)}: {item['status']} {problem['code'] if problem else item['payment']}")


def _settle(everybody: list[Somebody], say: Say) -> None:
    """Chapter six: settlements asked, approved, rejected."""
    ana, ben, cleo, dov = everybody
    say("\nThey settle what they owe.")
    status, asked = ana.ask(ben, _euro(45_00), "Your half of the new lamp", key="story-lamp")
    say(f"  Ana asks Ben for {_euro(45_00)}, his half of the lamp: {_outcome(status, asked, 201)}")
    status, document = ana.decide(asked["id"], "approve", "", key="story-lamp-own")
    say(f"  Ana tries to approve it herself: {_outcome(status, document, 403)}")
    status, document = ben.decide(asked["id"], "approve", "Looks good", key="story-lamp-yes")
    say(f"  Ben approves, and the money moves: {_outcome(status, document, 200)}")
    status, asked = cleo.ask(dov, _euro(99_00), "The window", key="story-window")
    say(f"  Cleo asks Dov for {_euro(99_00)} for the window: {_outcome(status, asked, 201)}")
    status, document = dov.decide(asked["id"], "reject", "That was the cat", key="story-window-no")
    say(f"  Dov rejects it, “That was the cat”: {_outcome(status, document, 200)}")


def _show_balances(everybody: list[Somebody], say: Say) -> None:
    """Chapter seven: what each has now."""
    say("\nWhat each has now.")
    for somebody in everybody:
        _, document = somebody.call("GET", "/api/v1/accounts")
        booked = ", ".join(f"{a['booked']['decimal']} {a['currency']}" for a in document["data"])
        say(f"  {somebody.name}: {booked}")


def _show_mail(everybody: list[Somebody], say: Say) -> None:
    """Chapter eight: who was told what."""
    ana, ben, cleo, dov = everybody
    say("\nWho was told what: in the inbox, and by mail.")
    _wait_for_mail({ana: 6, ben: 3, cleo: 2, dov: 2}, say)


def _verify(_everybody: list[Somebody], say: Say) -> None:
    """The end: the books are right."""
    say("\nAre the books right?")
    operations.verify_now(by=Caller(party_id=SYSTEM, operator="demo"))  # for the staff's front page
    report = verify()
    for result in report.results:
        say(f"  {'ok' if not result.findings else 'WRONG':<6}{result.seen:>5}  {result.check.sentence}")
    if report.findings:
        raise CommandError("\n".join(["The books are wrong:", *report.findings]))


CHAPTERS: tuple[Callable[[list[Somebody], Say], None], ...] = (
    _sign_up,
    _fund,
    _pay,
    _hold,
    _pay_together,
    _settle,
    _show_balances,
    _show_mail,
    _verify,
)


def _arrive(somebody: Somebody, say: Say) -> None:
    """Sign somebody in, after signing them up when they are new."""
    login = {"username": somebody.handle, "password": somebody.password}
    status, document = somebody.call("POST", f"{AUTH}/login", login)
    if status == 400:
        status, document = somebody.call("POST", f"{AUTH}/signup", {**login, "email": somebody.email})
    if status == 401:  # allauth's way to say: first verify your address
        code = _code(somebody)
        headers = {"X-Session-Token": document["meta"]["session_token"]}
        status, document = somebody.call("POST", f"{AUTH}/email/verify", {"key": code}, **headers)
        say(f"  {somebody.name} signs up as {somebody.handle}, the code is {code}: {_outcome(status, document, 200)}")
    else:
        say(f"  {somebody.name} is here already and signs in: {_outcome(status, document, 200)}")
    somebody.token = document["meta"]["access_token"]


def _code(somebody: Somebody) -> str:
    """Return the code in the newest mail to somebody."""
    for path in reversed(files.written()):
        message = files.read(path)
        found = CODE.search(message.get_content()) if message["To"] == somebody.email else None
        if found:
            return found[1]
    raise CommandError(f"No mail with a code has reached {somebody.email}.")


def _deposit(to: Somebody, amount: Money) -> str:
    party_id = people.find_party(to.handle)
    if party_id is None:
        raise CommandError(f"Nobody is known as {to.handle}.")
    order = treasury.order(
        operator="demo",
        direction=TreasuryDirection.DEPOSIT,
        party_id=party_id,
        money=amount,
        reason="Opening balance of the demo",
        key=f"story-deposit-{to.handle}",
        request_id=identifiers.show("req", identifiers.new()),
    )
    answer = lane.call(treasury.move_treasury, order)
    return _outcome(answer.status, answer.document(), 201)


def _wait_for_mail(expected: dict[Somebody, int], say: Say) -> None:
    """Wait until the worker has told everybody, then print it."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        if all(len(list(_mails(somebody))) >= number for somebody, number in expected.items()):
            break
        time.sleep(0.2)
    else:
        raise CommandError("The worker has not sent all mail in time: see worker.log in the demo's folder.")
    for somebody in expected:
        _, inbox = somebody.call("GET", "/api/v1/inbox")
        for entry in reversed(inbox["data"]):
            say(f"  {somebody.name}'s inbox: {entry['sentence']}")
        for subject in _mails(somebody):
            say(f"  mail to {somebody.email}: {subject}")


def _mails(somebody: Somebody) -> Iterator[str]:
    """Yield the subjects of the mails that the worker has sent to somebody."""
    for path in files.written():
        message = files.read(path)
        if message["To"] == somebody.email and message["Auto-Submitted"]:
            yield message["Subject"]


def _outcome(status: int, document: dict[str, Any], expected: int) -> str:
    """Return what to print for an answer; raise CommandError if it is not the one that the story needs."""
    if status != expected:
        raise CommandError(f"The story expected {expected} here, the answer is {status}: {document}")
    if "code" in document:
        return f"{status} {document['code']}, “{document['detail']}”"
    return " ".join(str(part) for part in (status, document.get("state", ""), document.get("id", "")) if part)


def _euro(amount_minor: int) -> Money:
    return Money(amount_minor, "EUR")


def _order(amount: Money) -> dict[str, Any]:
    return {"amount": amount.amount_minor, "currency": amount.currency}
