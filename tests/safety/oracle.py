"""What should happen, in a few dozen lines: the model that the real system is compared with."""

from collections.abc import Callable
from dataclasses import dataclass, field

Answer = tuple[str, str]
"""`ok` or the code of a refusal, and what was made or changed: the name of the payment or settlement."""

STORED = {"insufficient_funds", "settlement_not_open"}
"""Refusals that are kept under their key. All others may be corrected and sent again."""


@dataclass
class Settlement:
    """Who asks whom for how much, and where that stands."""

    asker: str
    debtor: str
    amount: int
    state: str = "requested"
    version: int = 1


@dataclass
class Oracle:
    """Balances, settlements and the answers given under keys."""

    balances: dict[str, int]
    settlements: dict[str, Settlement] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], tuple[object, Answer]] = field(default_factory=dict)
    paid: int = 0

    def deposit(self, who: str, amount: int) -> None:
        self.balances[who] += amount

    def pay(self, by: str, to: str, amount: int, key: str) -> Answer:
        return self._once("pay", by, key, (to, amount), lambda: self._pay(by, to, amount))

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

    def _pay(self, by: str, to: str, amount: int) -> Answer:
        if by == to:
            return "payment_to_oneself", ""
        if self.balances[by] < amount:
            return "insufficient_funds", ""
        self._move(by, to, amount)
        self.paid += 1
        return "ok", f"payment {self.paid}"

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
            if self.balances[it.debtor] < it.amount:
                return "insufficient_funds", ""
            self._move(it.debtor, it.asker, it.amount)
        it.state = {"approve": "settled", "reject": "rejected", "withdraw": "withdrawn"}[verb]
        it.version += 1
        return "ok", name

    def _move(self, payer: str, payee: str, amount: int) -> None:
        self.balances[payer] -= amount
        self.balances[payee] += amount
