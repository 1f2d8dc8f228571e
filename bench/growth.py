"""A ledger that has been in use for long: made inside the database, and as right as one made by payments.

Everybody stands in a ring and pays the next one a cent, round after round. So every sequence and every balance is
known beforehand, and MariaDB fills the tables by itself, out of its sequence tables. Runs where `inside` runs.
"""

import random
import statistics
import time
from collections.abc import Callable
from uuid import UUID

from django.db import connection

from paysettle.kernel.transactions import parse_time
from paysettle.ledger import queries

CHUNK = 100_000
READS = 400
WARM_READS = 50
PAGE_LINES = 50

_RING = """
CREATE TABLE bench_ring (n INT PRIMARY KEY, party BINARY(16), account BINARY(16), user BINARY(16), sequence BIGINT,
balance BIGINT) AS SELECT ROW_NUMBER() OVER (ORDER BY a.id) - 1 AS n, a.owner_id AS party, a.id AS account,
u.id AS user, a.sequence AS sequence, a.balance_minor AS balance
FROM ledger_account a JOIN identity_user u ON u.own_party_id = a.owner_id
"""

_PAIRS = (
    "seq_{first}_to_{last} s JOIN bench_ring a ON a.n = s.seq % {people}"
    " JOIN bench_ring b ON b.n = (s.seq + 1) % {people}"
)

_PAYMENTS = {
    "payments_payment (id, payer_id, payee_id, amount_minor, currency, captured_minor, refunded_minor, note, reference,"
    " metadata, state, version, created_by_id, created_at)": (
        "{payment}, a.party, b.party, 1, 'EUR', 1, 0, '', CONCAT('grown-', s.seq), '{{}}', 'completed', 1, a.user, {at}"
    ),
    "kernel_idempotency_key (party_id, operation, digest, fingerprint, success, status, object_id, answer, request_id,"
    " created_at)": (
        "a.party, 'payment.send', UNHEX(SHA2(CONCAT('grown-', s.seq), 256)), UNHEX(SHA2(s.seq, 256)), 1, 201,"
        " {payment}, @answer, CONCAT('req_', LPAD(s.seq, 26, '0')), {at}"
    ),
    "ledger_transfer (id, group_id, debit_account_id, credit_account_id, amount_minor, currency, subject_kind,"
    " subject_id, event_id, booked_at, effective_at)": (
        "{transfer}, {group}, a.account, b.account, 1, 'EUR', 'payment', {payment}, {event}, {at}, {at}"
    ),
    "event (position, event_id, stream, stream_version, type, actor, party, data, request_id, recorded_at)": (
        "@head + 1 + s.seq, {event}, {stream}, 1, 'paysettle.payment.completed.v1', @actor,"
        " @party, @data, CONCAT('req_', LPAD(s.seq, 26, '0')), {at}"
    ),
}

# In each round everybody first receives a cent from the one before them, then pays one.
_ENTRIES = """
INSERT INTO ledger_entry (account_id, sequence, transfer_id, amount_minor, balance_after_minor, subject_kind,
  subject_id, other_owner_id, booked_at)
SELECT a.account, a.sequence + 2 * r.seq + side.n,
  IF(side.n = 1, {received}, {paid}), IF(side.n = 1, 1, -1), a.balance + IF(side.n = 1, 1, 0), 'payment',
  IF(side.n = 1, {received_for}, {paid_for}), IF(side.n = 1, before.party, after.party),
  @start + INTERVAL r.seq * 1000 MICROSECOND
FROM bench_ring a JOIN bench_ring before ON before.n = (a.n + {people} - 1) % {people}
  JOIN bench_ring after ON after.n = (a.n + 1) % {people}
  JOIN seq_0_to_{last_round} r JOIN (SELECT 1 AS n UNION ALL SELECT 2) side
WHERE a.n BETWEEN {first} AND {last} ORDER BY a.account, r.seq, side.n
"""


_DIGITS = dict(zip("VUTSRQPONMLKJI", "zyxwvtsrqpnmkj", strict=True))
"""What MariaDB and MySQL take for the last digits to the base of 32, and what identifiers do; up to h they agree."""


def shown(prefix: str, id_: str) -> str:
    """Return the expression of the public id to that of an identifier, as `identifiers.show` writes it."""
    hexadecimal = f"HEX({id_})"
    parts = ((1, 2, 2), (3, 15, 12), (18, 15, 12))  # no more than 64 bits at once
    digits = ", ".join(
        f"LPAD(CONV(SUBSTR({hexadecimal}, {at}, {length}), 16, 32), {width}, '0')" for at, length, width in parts
    )
    text = f"CONCAT({digits})"
    for digit, letter in _DIGITS.items():
        text = f"REPLACE({text}, '{digit}', '{letter}')"
    return f"CONCAT('{prefix}_', LOWER({text}))"


def grow(entries: int, texts: dict[str, str]) -> None:
    """Let the ledger grow by so many entries; `texts` are those of a payment (`inside.sample`)."""
    with connection.cursor() as cursor:
        cursor.execute(_RING)
        cursor.execute("SELECT COUNT(*) FROM bench_ring")
        (people,) = cursor.fetchone()
        rounds = entries // 2 // people
        cursor.execute(
            "SET @head = (SELECT position FROM event_head), @start = (SELECT MAX(last_booked_at) FROM ledger_account),"
            " @answer = %s, @data = %s, @actor = %s, @party = %s",
            [texts["answer"], texts["data"], texts["actor"], texts["party"]],
        )
        cursor.execute("SELECT FLOOR(UNIX_TIMESTAMP(@start) * 1000)")
        (start_ms,) = cursor.fetchone()
        ids = {name: _id(int(start_ms), tag, "s.seq") for tag, name in enumerate(_IDS, start=1)}
        ids["stream"] = shown("pay", ids["payment"])
        at = f"@start + INTERVAL s.seq DIV {people} * 1000 MICROSECOND"
        for first in range(0, rounds * people, CHUNK):
            last = min(first + CHUNK, rounds * people) - 1
            pairs = _PAIRS.format(first=first, last=last, people=people)
            for table, columns in _PAYMENTS.items():
                cursor.execute(f"INSERT INTO {table} SELECT {columns.format(**ids, at=at)} FROM {pairs}")
        step = max(1, CHUNK // (2 * rounds))
        received, paid = f"r.seq * {people} + (a.n + {people - 1}) % {people}", f"r.seq * {people} + a.n"
        of_entries = {
            "received": _id(int(start_ms), 2, received),
            "paid": _id(int(start_ms), 2, paid),
            "received_for": _id(int(start_ms), 1, received),
            "paid_for": _id(int(start_ms), 1, paid),
            "people": str(people),
        }
        for first in range(0, people, step):
            span = {"first": first, "last": min(first + step, people) - 1, "last_round": rounds - 1}
            cursor.execute(_ENTRIES.format(**of_entries, **span))
        cursor.execute(
            f"UPDATE ledger_account t JOIN bench_ring a ON a.account = t.id SET t.sequence = t.sequence + {2 * rounds},"
            f" t.last_booked_at = @start + INTERVAL {rounds} * 1000 MICROSECOND"
        )
        cursor.execute(f"UPDATE event_head SET position = position + {rounds * people}")
        cursor.execute("ANALYZE TABLE ledger_entry, ledger_transfer, payments_payment, event")
        cursor.fetchall()


def time_reads(name: str) -> dict[str, float]:
    """Return p50 and p99 of a read that customers make, of random accounts and moments."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account FROM bench_ring ORDER BY n")
        accounts = [UUID(bytes=bytes(row[0])) for row in cursor.fetchall()]
        cursor.execute("SELECT MAX(IF(sequence = 1, booked_at, NULL)), MAX(booked_at) FROM ledger_entry")
        first_at, last_at = (parse_time(value) for value in cursor.fetchone())
        cursor.execute("SELECT MIN(sequence) FROM ledger_account WHERE kind = 'wallet'")
        (lines,) = cursor.fetchone()
    choose = random.Random(1)  # noqa: S311 - no secret

    def statement_page() -> None:
        upto = choose.randint(PAGE_LINES, lines)
        if len(queries.statement(choose.choice(accounts), "EUR", above=0, upto=upto, limit=PAGE_LINES)) < PAGE_LINES:
            raise RuntimeError("A page has too few lines.")

    def balance_at() -> None:
        moment = first_at + (last_at - first_at) * choose.random()
        if queries.balance_at(choose.choice(accounts), moment) <= 0:
            raise RuntimeError("An account has no past.")

    return _timed({"statement_page": statement_page, "balance_at": balance_at}[name])


_IDS = ("payment", "transfer", "group", "event")


def _id(start_ms: int, tag: int, number: str) -> str:
    """Return SQL for a time-ordered id of the number-th payment."""
    return (
        f"UNHEX(CONCAT(LPAD(HEX({start_ms} + ({number}) DIV 100), 12, '0'), '7{tag:03x}8',"
        f" LPAD(HEX({number}), 15, '0')))"
    )


def _timed(read: Callable[[], None]) -> dict[str, float]:
    took_s = []
    for n in range(WARM_READS + READS):
        began_s = time.perf_counter()
        read()
        if n >= WARM_READS:
            took_s.append(time.perf_counter() - began_s)
    found = statistics.quantiles(took_s, n=100)
    return {"p50_ms": round(found[49] * 1000, 3), "p99_ms": round(found[98] * 1000, 3)}
