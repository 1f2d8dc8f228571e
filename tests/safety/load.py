"""Clients that do everything at once, and remember what they were told: the load of the tests that kill."""

import json
import random
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urllib3.exceptions import HTTPError

from tests.people import Person
from tests.server import Client, Reply

CLIENTS = 8
PAYMENTS = "/api/v1/payments"
SETTLEMENTS = "/api/v1/settlements"
ALL_ACTIONS = ("pay", "pay", "pay", "pay", "pay", "authorise", "capture", "refund", "settle")


@dataclass
class Sent:
    """A request with its key, and the answer; None for none."""

    by: Person
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    key: str
    reply: Reply | None = None
    took_s: float = 0.0

    @property
    def is_definite(self) -> bool:
        """Tell whether the answer says what was done: an answer of the system, and not one that nobody knows."""
        return self.reply is not None and self.reply.status < 500


class MixedLoad:
    """Clients that pay, authorise, capture, refund and settle again and again, for the length of a block.

    With a `payee` all pay that one.
    """

    def __init__(
        self,
        address: str,
        people: Sequence[Person],
        *,
        actions: Sequence[str] = ALL_ACTIONS,
        payee: Person | None = None,
    ) -> None:
        self.sent: list[Sent] = []
        self._clients = {who.handle: Client(address, who) for who in people}
        self._people = list(people)
        self._actions = actions
        self._payee = payee
        self._stop = threading.Event()
        self._acknowledged: list[str] = []

    @property
    def acknowledged(self) -> int:
        """How many payments and authorisations were answered with a success."""
        return len(self._acknowledged)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send for the length of a block."""
        threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def wait_for(self, acknowledged: int, *, timeout_s: float = 60) -> None:
        """Wait until so many payments were acknowledged."""
        give_up_at = time.monotonic() + timeout_s
        while self.acknowledged < acknowledged:
            assert time.monotonic() < give_up_at, f"only {self.acknowledged} of {acknowledged} were answered"
            time.sleep(0.02)

    def settle(self) -> None:
        """Send all that has no definite answer again, until it has one."""
        open_ = [sent for sent in self.sent if not sent.is_definite]
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(self._until_definite, open_))

    def assert_replayed(self, *, payments: int) -> None:
        """Send everything but payments, and some of them, again: each is answered the same to the letter."""
        definite = [sent for sent in self.sent if sent.is_definite]
        paid = [sent for sent in definite if sent.path == PAYMENTS]
        chosen = random.sample(paid, min(payments, len(paid))) + [sent for sent in definite if sent.path != PAYMENTS]

        def again(sent: Sent) -> tuple[Reply | None, Reply]:
            return sent.reply, self._post(sent)

        with ThreadPoolExecutor(CLIENTS) as pool:
            for first, second in pool.map(again, chosen):
                assert first is not None
                assert (second.status, second.text) == (first.status, first.text)
                assert second.headers.get("Idempotent-Replayed") == "true"

    def write_log(self, file: Path) -> int:
        """Write what was told of payments, captures and refunds as `ledger verify --acknowledged` reads it.

        Returns how many payments were told ok.
        """
        lines = [_line(sent) for sent in self.sent if sent.path.startswith(PAYMENTS)]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return sum(line["outcome"] == "ok" and line["operation"] == "payment" for line in lines)

    def _work(self) -> None:
        held: list[tuple[Person, str]] = []
        paid: list[tuple[Person, str]] = []
        while not self._stop.is_set():
            payer, payee = random.sample(self._people, 2)
            payee = self._payee or payee
            action = random.choice(self._actions)
            if action == "capture" and held:
                by, payment = held.pop()
                self._send(by, f"{PAYMENTS}/{payment}/captures", {})
            elif action == "refund" and paid:
                by, payment = paid.pop()
                self._send(by, f"{PAYMENTS}/{payment}/refunds", {})
            elif action == "settle":
                self._settle(payer, payee)
            else:
                later = action == "authorise"
                reply = self._pay(payer, payee, later=later)
                if reply is not None and reply.status == 201:
                    (held if later else paid).append((payee, reply.document["id"]))

    def _pay(self, payer: Person, payee: Person, *, later: bool) -> Reply | None:
        body: dict[str, Any] = {"payee": payee.handle, "amount": {"amount": random.randint(1, 9), "currency": "EUR"}}
        return self._send(payer, PAYMENTS, body | ({"capture": "later"} if later else {}))

    def _settle(self, asker: Person, debtor: Person) -> None:
        body = {"debtor": debtor.handle, "amount": {"amount": 1, "currency": "EUR"}, "reason": "dinner"}
        asked = self._send(asker, SETTLEMENTS, body)
        if asked is not None and asked.status == 201:
            path = f"{SETTLEMENTS}/{asked.document['id']}/approve"
            self._send(debtor, path, {}, {"If-Match": '"1"'})

    def _send(self, by: Person, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Reply | None:
        sent = Sent(by, path, body, headers or {}, secrets.token_hex(12))
        self.sent.append(sent)
        began = time.monotonic()
        try:
            sent.reply = self._post(sent)
        except HTTPError:
            time.sleep(0.1)  # the server is away
        sent.took_s = time.monotonic() - began
        if path == PAYMENTS and sent.reply is not None and sent.reply.status == 201:
            self._acknowledged.append(sent.key)
        return sent.reply

    def _post(self, sent: Sent) -> Reply:
        return self._clients[sent.by.handle].post(sent.path, sent.body, key=sent.key, **sent.headers)

    def _until_definite(self, sent: Sent) -> None:
        for _ in range(20):
            sent.reply = self._post(sent)
            if sent.is_definite:
                return
            time.sleep(0.5)
        raise AssertionError(f"no definite answer: {sent.reply}")


def _line(sent: Sent) -> dict[str, Any]:
    what = sent.path.removeprefix(PAYMENTS).rpartition("/")[2]
    operation = {"": "payment", "captures": "move", "refunds": "refund"}[what]
    line: dict[str, Any] = {"party": sent.by.party, "key": sent.key, "operation": operation}
    if not sent.is_definite or sent.reply is None:
        return {**line, "outcome": "unknown"}
    if sent.reply.status >= 300:
        return {**line, "outcome": "refused"}
    said = sent.reply.document
    line["outcome"] = "ok"
    if operation == "move":
        return {**line, "payment": said["id"]}
    money = {"amount": said["amount"]["amount"], "currency": said["amount"]["currency"]}
    if operation == "refund":
        return {**line, **money, "refund": said["id"], "payment": said["payment"]}
    return {**line, **money, "payment": said["id"], "payee": said["payee"]["id"]}
