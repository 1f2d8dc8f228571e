"""The rows of one payment as SQL text: the same tables, columns and sizes as the product's.

Everything is made here, so it is written as literals: cheaper than parameters, and nothing in it needs escaping.
"""

import hashlib
import itertools
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from paysettle.kernel import identifiers

KEY_COLUMNS = "party_id, operation, digest, fingerprint, success, status, object_id, answer, request_id, created_at"
PAYMENT_COLUMNS = (
    "id, payer_id, payee_id, amount_minor, currency, captured_minor, refunded_minor, note, reference, metadata, state,"
    " hold_id, expires_at, version, created_by_id, created_at"
)
TRANSFER_COLUMNS = (
    "id, group_id, debit_account_id, credit_account_id, amount_minor, currency, subject_kind, subject_id, event_id,"
    " booked_at, effective_at"
)
ENTRY_COLUMNS = (
    "account_id, sequence, transfer_id, amount_minor, balance_after_minor, subject_kind, subject_id, other_owner_id,"
    " booked_at"
)
EVENT_COLUMNS = "position, event_id, stream, stream_version, type, actor, party, data, request_id, recorded_at"


@dataclass(frozen=True, slots=True)
class Texts:
    """What the product stores for a payment, taken from one that it made."""

    answer: str
    data: str
    actor: str
    party: str


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment that is about to be made; ids are hexadecimal, `stream` is the public one."""

    payer: str
    payee: str
    debit: str
    credit: str
    amount: int
    id: str
    stream: str
    transfer: str
    group: str
    event: str
    digest: str
    reference: str


def now() -> str:
    """Return the time as SQL wants it. Ask under the locks."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


class Maker:
    """Makes payments between random people (party, account), or to the first of them; one for each connection."""

    def __init__(self, people: Sequence[tuple[str, str]], *, hot: bool) -> None:
        self._people = people
        self._hot = hot
        self._random = random.Random()  # noqa: S311 - no secret
        self._tag = os.urandom(4).hex()
        self._numbers = itertools.count()

    def new(self) -> Payment:
        """Return a payment with new ids."""
        count = len(self._people)
        to = 0 if self._hot else self._random.randrange(count)
        payee, credit = self._people[to]
        payer, debit = self._people[(to + self._random.randrange(1, count)) % count]
        number = next(self._numbers)
        reference = f"raw-{self._tag}-{number}"
        # Time-ordered like the product's: milliseconds, what it is for, the connection, a number.
        first, last = f"{time.time_ns() // 1_000_000:012x}7", f"8{self._tag}{number:07x}"
        id_ = f"{first}001{last}"
        return Payment(
            payer=payer,
            payee=payee,
            debit=debit,
            credit=credit,
            amount=self._random.randrange(100, 100_000),
            id=id_,
            stream=identifiers.show("pay", UUID(id_)),
            transfer=f"{first}002{last}",
            group=f"{first}003{last}",
            event=f"{first}004{last}",
            digest=hashlib.sha256(reference.encode()).hexdigest(),
            reference=reference,
        )


def key(p: Payment, texts: Texts, at: str) -> str:
    """Return the row of `kernel_idempotency_key`."""
    return (
        f"(x'{p.payer}','payment.send',x'{p.digest}',x'{p.digest}',1,201,x'{p.id}','{texts.answer}',"
        f"'req_{p.transfer[:26]}','{at}')"
    )


def payment(p: Payment, at: str) -> str:
    """Return the row of `payments_payment`."""
    return (
        f"(x'{p.id}',x'{p.payer}',x'{p.payee}',{p.amount},'EUR',{p.amount},0,'','{p.reference}','{{}}','completed',"
        f"NULL,NULL,1,x'{p.payer}','{at}')"
    )


def transfer(p: Payment, at: str) -> str:
    """Return the row of `ledger_transfer`."""
    return (
        f"(x'{p.transfer}',x'{p.group}',x'{p.debit}',x'{p.credit}',{p.amount},'EUR','payment',x'{p.id}',x'{p.event}',"
        f"'{at}','{at}')"
    )


def entry(account: str, sequence: int, p: Payment, amount: int, balance: int, at: str) -> str:
    """Return a row of `ledger_entry`."""
    other = p.payer if amount > 0 else p.payee
    return f"(x'{account}',{sequence},x'{p.transfer}',{amount},{balance},'payment',x'{p.id}',x'{other}','{at}')"


def event(p: Payment, texts: Texts, number: int, at: str) -> str:
    """Return the row of `event`, its position counted from `@p`."""
    return (
        f"(@p+{number},x'{p.event}','{p.stream}',1,'paysettle.payment.completed.v1','{texts.actor}',"
        f"'{texts.party}','{texts.data}','req_{p.transfer[:26]}','{at}')"
    )
