"""What runs in a process with the product's settings: people with money, tokens, a fresh start.

`site.Site.call` runs these functions by name; they take and return plain values.
"""

import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection

from paysettle.identity import handles, tokens
from paysettle.identity.models import LoginSession, Membership, Party, PartyKind, User
from paysettle.identity.roles import Role
from paysettle.kernel import batch, identifiers, transactions
from paysettle.kernel.idempotency import Answer
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Transaction
from paysettle.ledger import accounts
from paysettle.ledger.chart import WALLET
from paysettle.payments.models import TreasuryDirection
from paysettle.payments.operations import treasury
from paysettle.payments.operations.send import SendPayment

FUNDS_MINOR = 10**12
"""Nobody runs dry: a refusal would be cheaper than a payment."""

CHUNK = 500
STILL_S = 0.5
STILL_TIMEOUT_S = 60

START = "bench_start_"
"""In front of the names of the tables that keep how everything was before the first load."""

KEPT = ("ledger_account", "ledger_transfer", "ledger_entry", "kernel_idempotency_key", "event", "event_head")
EMPTY = ("payments_payment", "payments_batch_part", "payments_batch")

TOKENS_KEPT = timedelta(minutes=3)

_tokens: list[str] = []
_issued_at = datetime.min.replace(tzinfo=UTC)


def prepare(people: int) -> list[dict[str, str]]:
    """Migrate, and make people with a session each and money; return their handles and ids."""
    call_command("migrate", verbosity=0)
    call_command("jwt_keys", "create", verbosity=0)
    transactions.run(lambda tx: _make_people(tx, people))
    parties = list(Party.objects.order_by("handle"))
    accounts.open_missing([(party.id, WALLET.code, "EUR") for party in parties])
    _let_money_in(parties)
    if connection.vendor == "mysql":
        _keep_start()
    rows = _wallets()
    return [{"handle": party.handle, "party": party.id.hex, "account": rows[party.id.bytes].hex()} for party in parties]


def access_tokens() -> list[str]:
    """Return an access token for each person's session, in the order of `prepare`, good for two minutes at least.

    As a client does, it uses a token again until it has to take the next one.
    """
    global _tokens, _issued_at  # noqa: PLW0603 - what this process remembers between two calls
    now = datetime.now(UTC)
    if now - _issued_at > TOKENS_KEPT:
        sessions = LoginSession.objects.select_related("user").order_by("user__username")
        _tokens = [tokens.issue_access_token(s, s.user, now) for s in sessions]
        _issued_at = now
    return _tokens


def reset() -> None:
    """Put the tables back to how `prepare` left them, so that every load meets the same small ledger."""
    with connection.cursor() as cursor:
        cursor.execute("SET FOREIGN_KEY_CHECKS = 0")
        for table in (*EMPTY, *KEPT):
            cursor.execute(f"TRUNCATE TABLE {table}")
        for table in KEPT:
            cursor.execute(f"INSERT INTO {table} SELECT * FROM {START}{table}")
        cursor.execute("SET FOREIGN_KEY_CHECKS = 1")


def become_still() -> None:
    """Return when nothing has been written for a while: what a client no longer waits for is still carried out."""
    give_up_at = time.monotonic() + STILL_TIMEOUT_S
    before = -1
    while (position := _number("SELECT position FROM event_head WHERE id = 1")) != before:
        if time.monotonic() > give_up_at:
            raise TimeoutError("Something goes on writing.")
        before = position
        time.sleep(STILL_S)


def count_payments() -> int:
    """Return how many payments there are."""
    return _number("SELECT COUNT(*) FROM payments_payment")


def sample() -> dict[str, str]:
    """Return the texts that the product has stored for one payment, for programs that write the same rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM kernel_idempotency_key WHERE operation = %s LIMIT 1", [SendPayment.name])
        (answer,) = cursor.fetchone()
        cursor.execute("SELECT data, actor, party FROM event WHERE type = 'paysettle.payment.completed.v1' LIMIT 1")
        data, actor, party = cursor.fetchone()
    return {"answer": answer, "data": data, "actor": actor, "party": party}


def execute(statements: Sequence[str]) -> None:
    """Run statements one by one."""
    with connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)


def disconnect() -> None:
    """Close the connection, because the server is about to restart."""
    connection.close()


def data_mib() -> int:
    """Return how large all tables and their indexes are."""
    return _number(
        "SELECT SUM(data_length + index_length) DIV 1048576 FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_name NOT LIKE 'bench%%'"
    )


def _make_people(tx: Transaction, count: int) -> None:
    now = tx.read_clock()
    password = make_password(None)
    names = [f"bench-{n:06d}" for n in range(count)]
    parties = [
        Party(kind=PartyKind.PERSON, handle=name, handle_skeleton=handles.skeleton(name), created_at=now)
        for name in names
    ]
    users = [
        User(username=party.handle, email=f"{party.handle}@example.org", password=password, own_party=party)
        for party in parties
    ]
    Party.objects.bulk_create(parties, batch_size=CHUNK)
    User.objects.bulk_create(users, batch_size=CHUNK)
    Membership.objects.bulk_create(
        [Membership(user=user, party=user.own_party, role=Role.OWNER, created_at=now) for user in users],
        batch_size=CHUNK,
    )
    LoginSession.objects.bulk_create(
        [
            LoginSession(
                user=user,
                django_session=hashlib.sha256(user.username.encode()).digest(),
                device="bench",
                created_at=now,
                authenticated_at=now,
                last_seen_at=now,
                expires_at=now + timedelta(days=30),
            )
            for user in users
        ],
        batch_size=CHUNK,
    )


def _let_money_in(parties: Sequence[Party]) -> None:
    for start in range(0, len(parties), CHUNK):
        orders = [
            treasury.order(
                operator="bench",
                direction=TreasuryDirection.DEPOSIT,
                party_id=party.id,
                money=Money(FUNDS_MINOR, "EUR"),
                reason="bench",
                key=party.handle,
                request_id=identifiers.show("req", identifiers.new()),
            )
            for party in parties[start : start + CHUNK]
        ]
        outcomes = batch.run(treasury.move_treasury, orders)
        if not all(isinstance(outcome, Answer) and outcome.status < 300 for outcome in outcomes):
            raise RuntimeError("Not everybody has received money.")


def _keep_start() -> None:
    with connection.cursor() as cursor:
        for table in KEPT:
            cursor.execute(f"CREATE TABLE {START}{table} AS SELECT * FROM {table}")


def _wallets() -> dict[bytes, bytes]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT owner_id, id FROM ledger_account WHERE kind = %s", [WALLET.code])
        return {bytes(owner): bytes(id_) for owner, id_ in cursor.fetchall()}


def _number(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])
