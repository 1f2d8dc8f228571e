"""What should happen, in a few dozen lines: the model that the real system is compared with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Answer = tuple[str, str]
"""`ok` or the code of a refusal, and what was made or changed: the name of the payment, refund, settlement or batch."""

STORED = {
    "account_closed",
    "account_frozen",
    "approval_too_late",
    "capture_exceeds_hold",
    "hold_expired",
    "insufficient_funds",
    "nothing_to_refund",
    "payment_not_authorised",
    "payment_not_pending",
    "refund_exceeds_payment",
    "settlement_not_open",
}
"""Refusals that are kept under their key. All others may be corrected and sent again."""

UNAPPROVED = {"pending_approval", "rejected", "withdrawn", "lapsed"}
"""Where a payment is its payer's alone."""

NOW = None
"""How long the money is held: not at all."""


@dataclass
class Settlement:
    """Who asks whom for how much, and where that stands."""

    asker: str
    debtor: str
    amount: int
    state: str = "requested"
    version: int = 1


@dataclass
class Payment:
    """Who pays whom how much, and what became of it."""

    payer: str
    payee: str
    amount: int
    state: str
    captured: int = 0
    refunded: int = 0
    due: bool = False
    """The deadline of its hold has passed."""
    needed: int = 0
    hold_s: int | None = NOW
    """How long it is held for the payee once so many have approved."""
    approved_by: set[str] = field(default_factory=set)

    @property
    def left(self) -> int:
        return self.amount - self.captured if self.state in {"authorised", "pending_approval"} else 0

    def __str__(self) -> str:
        parts = [self.state]
        if self.state == "authorised" and self.captured:
            parts.append("part captured")
        if self.state == "completed" and self.captured < self.amount:
            parts.append("part released")
        if self.state == "pending_approval" and self.approved_by:
            parts.append("part approved")
        if self.refunded:
            parts.append("refunded" if self.refunded == self.captured else "part refunded")
        return ", ".join([*parts, "due"] if self.left and self.due else parts)


@dataclass(frozen=True)
class Line:
    """An order of a batch; one without a payee cannot be read."""

    key: str
    to: str = ""
    amount: int = 0
    hold_s: int | None = NOW


@dataclass
class Oracle:
    """Balances, held money, wallets, payments, settlements and the answers given under keys."""

    balances: dict[str, int]
    order: Sequence[str] = ()
    """In which order the wallets of an item are looked at."""
    wallets: dict[str, str] = field(default_factory=dict)
    per_payment: dict[str, int] = field(default_factory=dict)
    """What a member may send alone at once, and in a day; and from which amount on how many must approve."""
    per_day: dict[str, int] = field(default_factory=dict)
    rules: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    settlements: dict[str, Settlement] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], tuple[object, Answer]] = field(default_factory=dict)
    refunds: int = 0
    batches: int = 0

    def held(self, who: str) -> int:
        """Return what is held of somebody's money."""
        return sum(payment.left for payment in self.payments.values() if payment.payer == who)

    def available(self, who: str) -> int:
        """Return what somebody may still send."""
        return max(0, self.balances[who] - self.held(who))

    def deposit(self, who: str, amount: int) -> Answer:
        code = self._refusal({who: amount})
        if code == "ok":
            self.balances[who] += amount
        return code, ""

    def withdraw(self, who: str, amount: int) -> Answer:
        code = self._refusal({who: -amount})
        if code == "ok":
            self.balances[who] -= amount
        return code, ""

    def pay(self, by: str, to: str, amount: int, key: str, hold_s: int | None = NOW) -> Answer:
        return self._once("pay", by, key, (to, amount, hold_s), lambda: self._pay(by, to, amount, hold_s))

    def bulk(self, by: str, lines: Sequence[Line], key: str) -> tuple[Answer, list[Answer]]:
        """Return the answer to a batch and, if it is a new one, those to its lines."""
        outcomes: list[Answer] = []

        def act() -> Answer:
            outcomes.extend(
                self.pay(by, line.to, line.amount, line.key, line.hold_s) if line.to else ("invalid_request", "")
                for line in lines
            )
            self.batches += 1
            return "ok", f"batch {self.batches}"

        return self._once("bulk", by, key, tuple(lines), act), outcomes

    def capture(self, by: str, name: str, amount: int | None, key: str, *, final: bool) -> Answer:
        request = ("capture", name, amount, final)
        return self._once("move", by, key, request, lambda: self._capture(by, name, amount, final=final))

    def release(self, by: str, name: str, key: str) -> Answer:
        return self._once("move", by, key, ("release", name), lambda: self._release(by, name))

    def decide_payment(self, by: str, person: str, verb: str, name: str, key: str) -> Answer:
        """Let a person who acts for a party approve, reject or withdraw a payment; `maker` is who made it."""
        return self._once("move", by, key, (verb, name), lambda: self._decide_payment(by, person, verb, name))

    def refund(self, by: str, name: str, amount: int | None, key: str) -> Answer:
        return self._once("refund", by, key, (name, amount), lambda: self._refund(by, name, amount))

    def expire(self, name: str) -> Answer:
        """Let the system give back what a hold that is due has left."""
        it = self.payments[name]
        if it.state not in {"authorised", "pending_approval"}:
            return "payment_not_authorised", ""
        if not it.due:
            return "hold_not_due", ""
        it.state = "lapsed" if it.state == "pending_approval" else "completed" if it.captured else "expired"
        return "ok", name

    def change_wallet(self, who: str, verb: str) -> str:
        """Freeze, reopen or close a wallet."""
        before = self.wallets.get(who, "open")
        after = {"freeze": "frozen", "reopen": "open", "close": "closed"}[verb]
        if before == after:
            return "ok"
        if before == "closed":
            return "account_is_closed"
        if after == "closed" and self.balances[who]:
            return "account_not_empty"
        self.wallets[who] = after
        return "ok"

    def ask(self, by: str, debtor: str, amount: int, key: str) -> Answer:
        return self._once("settle", by, key, ("ask", debtor, amount), lambda: self._ask(by, debtor, amount))

    def decide(self, by: str, verb: str, name: str, version: int, key: str) -> Answer:
        return self._once("settle", by, key, (verb, name, version), lambda: self._decide(by, verb, name, version))

    def _once(self, operation: str, by: str, key: str, request: object, act: Callable[[], Answer]) -> Answer:
        known = self.answers.get((operation, by, key))
        if known is not None:
            return known[1] if known[0] == request else ("idempotency_key_reused", "")
        answer = act()
        if answer[0] in STORED | {"ok"}:
            self.answers[operation, by, key] = (request, answer)
        return answer

    def _pay(self, by: str, to: str, amount: int, hold_s: int | None) -> Answer:
        if by == to:
            return "payment_to_oneself", ""
        needed = max(self._demanded(by, amount), 1 if self._exceeds(by, amount) else 0)
        code = (
            self._move(by, to, amount) if hold_s is NOW and not needed else self._refusal({by: 0, to: 0}, {by: amount})
        )
        if code != "ok":
            return code, ""
        name = f"payment {len(self.payments) + 1}"
        if needed:
            self.payments[name] = Payment(by, to, amount, "pending_approval", needed=needed, hold_s=hold_s)
            return "ok", name
        self._count(by, amount)
        if hold_s is NOW:
            self.payments[name] = Payment(by, to, amount, "completed", captured=amount)
        else:
            self.payments[name] = Payment(by, to, amount, "authorised", due=hold_s <= 0)
        return "ok", name

    def _capture(self, by: str, name: str, amount: int | None, *, final: bool) -> Answer:
        it = self.payments[name]
        code = self._payees_move(it, by, {"authorised"})
        amount = it.left if amount is None else amount
        if code == "ok" and it.due:
            code = "hold_expired"
        if code == "ok" and amount > it.left:
            code = "capture_exceeds_hold"
        if code == "ok":
            code = self._move(it.payer, it.payee, amount, from_hold=amount)
        if code != "ok":
            return code, ""
        it.captured += amount
        if final or not it.left:
            it.state = "completed"
        return "ok", name

    def _decide_payment(self, by: str, person: str, verb: str, name: str) -> Answer:
        it = self.payments[name]
        code = self._payers_move(it, by, person, verb)
        if code == "ok" and verb == "approve" and len(it.approved_by) + 1 >= it.needed:
            code = (
                self._move(it.payer, it.payee, it.amount, from_hold=it.amount)
                if it.hold_s is NOW
                else (self._refusal({it.payer: 0, it.payee: 0}))
            )
            if code == "ok":
                it.state, it.captured = ("completed", it.amount) if it.hold_s is NOW else ("authorised", 0)
                it.due = it.hold_s is not NOW and it.hold_s <= 0
        if code != "ok":
            return code, ""
        if verb == "approve":
            it.approved_by.add(person)
        else:
            it.state = {"reject": "rejected", "withdraw": "withdrawn"}[verb]
        return "ok", name

    @staticmethod
    def _payers_move(it: Payment, by: str, person: str, verb: str) -> str:
        if by != it.payer:
            return "not_the_payer" if by == it.payee and it.state not in UNAPPROVED else "not_found"
        if it.state != "pending_approval":
            return "payment_not_pending"
        if verb == "withdraw":
            return "ok" if person == "maker" else "not_the_maker"
        if person == "maker":
            return "own_payment"
        if verb == "approve" and person in it.approved_by:
            return "already_decided"
        return "approval_too_late" if verb == "approve" and it.due else "ok"

    def _demanded(self, by: str, amount: int) -> int:
        return max((number for least, number in self.rules.get(by, []) if least <= amount), default=0)

    def _exceeds(self, by: str, amount: int) -> bool:
        at_once, in_a_day = self.per_payment.get(by, amount), self.per_day.get(by)
        return amount > at_once or (in_a_day is not None and self.spent.get(by, 0) + amount > in_a_day)

    def _count(self, by: str, amount: int) -> None:
        self.spent[by] = self.spent.get(by, 0) + amount

    def _release(self, by: str, name: str) -> Answer:
        it = self.payments[name]
        code = self._payees_move(it, by, {"authorised"})
        if code != "ok":
            return code, ""
        it.state = "completed" if it.captured else "released"
        return "ok", name

    def _refund(self, by: str, name: str, amount: int | None) -> Answer:
        it = self.payments[name]
        code = self._payees_move(it, by, {state for state in ("authorised", "completed") if it.captured})
        if code == "payment_not_authorised":
            code = "nothing_to_refund"
        left = it.captured - it.refunded
        amount = left if amount is None else amount
        if code == "ok" and not 0 < amount <= left:
            code = "refund_exceeds_payment"
        if code == "ok" and self._exceeds(by, amount):
            code = "limit_exceeded"
        if code == "ok":
            code = self._move(it.payee, it.payer, amount)
        if code != "ok":
            return code, ""
        self._count(by, amount)
        it.refunded += amount
        self.refunds += 1
        return "ok", f"refund {self.refunds}"

    def _ask(self, by: str, debtor: str, amount: int) -> Answer:
        if by == debtor:
            return "settlement_with_oneself", ""
        name = f"settlement {len(self.settlements) + 1}"
        self.settlements[name] = Settlement(by, debtor, amount)
        return "ok", name

    def _decide(self, by: str, verb: str, name: str, version: int) -> Answer:
        it = self.settlements[name]
        if by not in {it.asker, it.debtor}:
            return "not_found", ""
        if (verb == "withdraw") != (by == it.asker):
            return ("own_request" if by == it.asker else "not_your_move"), ""
        if it.state != "requested":
            return "settlement_not_open", ""
        if version != it.version:
            return "version_mismatch", ""
        if verb == "approve":
            code = "limit_exceeded" if self._exceeds(by, it.amount) else "ok"
            if code == "ok" and self._demanded(by, it.amount) > 1:
                code = "more_approvals_needed"
            if code == "ok":
                code = self._move(it.debtor, it.asker, it.amount)
            if code != "ok":
                return code, ""
            self._count(by, it.amount)
        it.state = {"approve": "settled", "reject": "rejected", "withdraw": "withdrawn"}[verb]
        it.version += 1
        return "ok", name

    @staticmethod
    def _payees_move(it: Payment, by: str, states: set[str]) -> str:
        if by not in {it.payer, it.payee} or (by == it.payee and it.state in UNAPPROVED):
            return "not_found"
        if by != it.payee:
            return "not_the_payee"
        return "ok" if it.state in states else "payment_not_authorised"

    def _move(self, payer: str, payee: str, amount: int, *, from_hold: int = 0) -> str:
        code = self._refusal({payer: -amount, payee: amount}, {payer: -from_hold})
        if code == "ok":
            self.balances[payer] -= amount
            self.balances[payee] += amount
        return code

    def _refusal(self, changes: Mapping[str, int], held_changes: Mapping[str, int] | None = None) -> str:
        """Return the first reason why balances and held money may not change so, or `ok`."""
        for who in sorted(changes, key=self.order.index):
            if self.wallets.get(who, "open") != "open":
                return f"account_{self.wallets[who]}"
            needed = (held_changes or {}).get(who, 0) - changes[who]
            if needed > self.available(who):
                return "insufficient_funds"
        return "ok"
