"""A database with very many clean payments, made by the database itself: a statement a table, whatever the number.

One payer with a deposit pays one payee 1 again and again. The identifiers are digits, which say their number.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime

from django.core.management import call_command
from django.db import connection

from bench import growth
from paysettle.kernel import identifiers
from tests import plugin, spoilt
from tests.people import Person, person

NAME = f"{plugin.DATABASE}_loaded" if plugin.KIND != "sqlite" else str(plugin.FOLDER / "loaded.sqlite3")
_MYSQL = plugin.KIND != "sqlite"
_DIGITS = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))


@contextmanager
def database(payments: int) -> Iterator[None]:
    """Make the database, fill it, and drop it at the end."""
    if _MYSQL:
        plugin.on_server(f"CREATE DATABASE {NAME} CHARACTER SET utf8mb4")
    try:
        with used():
            call_command("migrate", verbosity=0)
            _fill(person("ana"), person("ben"), payments)
        yield
    finally:
        if _MYSQL:
            plugin.on_server(f"DROP DATABASE {NAME}")


def used() -> AbstractContextManager[None]:
    """Let this process work in it."""
    return spoilt.used(NAME=NAME)


def _fill(payer: Person, payee: Person, payments: int) -> None:
    spoilt.deposit(payer, payments)
    spoilt.deposit(payee, 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT position FROM event_head")
        head = int(cursor.fetchone()[0])
        wallets = []
        for who in (payer, payee):
            cursor.execute("SELECT id FROM ledger_account WHERE owner_id = %s", [who.party_id.bytes])
            wallets.append(bytes(cursor.fetchone()[0]))
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        if not _MYSQL:
            connection.connection.create_function("shown", 1, _shown)
        numbers = _numbers(payments)
        for table, columns in _tables(head, payments).items():
            names, values = ", ".join(columns), ", ".join(columns.values())
            sql = f"INSERT INTO {table} ({names}) SELECT {values} FROM ({numbers}) numbers"  # noqa: S608
            parts: dict[str, bytes | str] = {
                "payer": payer.party_id.bytes,
                "payee": payee.party_id.bytes,
                "from": wallets[0],
                "to": wallets[1],
                "now": now,
            }
            cursor.execute(*_bound(sql, parts))
        update = "UPDATE ledger_account SET balance_minor = %s, sequence = %s, last_booked_at = %s WHERE id = %s"
        cursor.execute(update, [0, payments + 1, now, wallets[0]])
        cursor.execute(update, [payments + 1, payments + 1, now, wallets[1]])
        cursor.execute("UPDATE event_head SET position = position + %s", [payments])
    if _MYSQL:
        # Else it believes for seconds that the tables are empty, and reads all of one for each row of another.
        analyse(*sorted({table.strip() for table in _tables(head, payments)}))


def analyse(*tables: str) -> None:
    """Have MariaDB or MySQL count the rows of tables now, as it does by itself a while after they have grown."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE TABLE {', '.join(tables)}")
        cursor.fetchall()


def _tables(head: int, payments: int) -> dict[str, dict[str, str]]:
    """Return what each column of each table is made of; `n` is the number of the payment, from 1."""
    entry = {"transfer_id": _id("t"), "subject_kind": "'payment'", "subject_id": _id("p"), "booked_at": ":now"}
    return {
        "payments_payment": {
            "id": _id("p"),
            "payer_id": ":payer",
            "payee_id": ":payee",
            "amount_minor": "1",
            "currency": "'EUR'",
            "captured_minor": "1",
            "refunded_minor": "0",
            "note": "''",
            "reference": "''",
            "metadata": "'{}'",
            "state": "'completed'",
            "version": "1",
            "created_by_id": ":payer",
            "created_at": ":now",
        },
        "kernel_idempotency_key": {
            "digest": _id("k", 32),
            "party_id": ":payer",
            "operation": "'payment.send'",
            "fingerprint": _id("k", 32),
            "success": "1",
            "status": "201",
            "object_id": _id("p"),
            "answer": "'{}'",
            "request_id": "'req_loaded'",
            "created_at": ":now",
        },
        "ledger_transfer": {
            "id": _id("t"),
            "group_id": _id("t"),
            "debit_account_id": ":from",
            "credit_account_id": ":to",
            "amount_minor": "1",
            "currency": "'EUR'",
            "subject_kind": "'payment'",
            "subject_id": _id("p"),
            "event_id": _id("e"),
            "booked_at": ":now",
            "effective_at": ":now",
        },
        "ledger_entry": {
            "account_id": ":from",
            "sequence": "n + 1",
            "amount_minor": "-1",
            "balance_after_minor": f"{payments} - n",
            "other_owner_id": ":payee",
            **entry,
        },
        "ledger_entry ": {
            "account_id": ":to",
            "sequence": "n + 1",
            "amount_minor": "1",
            "balance_after_minor": "n + 1",
            "other_owner_id": ":payer",
            **entry,
        },
        "event": {
            "position": f"{head} + n",
            "event_id": _id("e"),
            "stream": growth.shown("pay", _id("p")) if _MYSQL else f"shown({_id('p')})",
            "stream_version": "1",
            "type": "'paysettle.payment.completed.v1'",
            "actor": "'system'",
            "party": "'par_loaded'",
            "data": "'{}'",
            "request_id": "'req_loaded'",
            "recorded_at": ":now",
        },
    }


def _id(letter: str, width: int = 16) -> str:
    """Return the expression of an identifier: a letter and the number."""
    if _MYSQL:
        return f"CAST(CONCAT('{letter}', LPAD(n, {width - 1}, '0')) AS BINARY({width}))"
    return f"CAST('{letter}' || printf('%%0{width - 1}d', n) AS BLOB)"


def _shown(id_: bytes) -> str:
    return identifiers.show("pay", identifiers.from_bytes(id_))


def _numbers(count: int) -> str:
    """Return a query of the numbers from 1 to `count`, as `n`."""
    places = len(str(count))
    digits = " CROSS JOIN ".join(f"({_DIGITS}) d{place}" for place in range(places))
    number = " + ".join(f"{10**place} * d{place}.d" for place in range(places))
    return f"SELECT n FROM (SELECT {number} AS n FROM {digits}) every WHERE n BETWEEN 1 AND {count}"  # noqa: S608


def _bound(sql: str, parts: dict[str, bytes | str]) -> tuple[str, list[bytes | str]]:
    """Return a statement with its `:name`s as parameters, in order."""
    values = []
    pieces = sql.split(":")
    text = pieces[0]
    for piece in pieces[1:]:
        name = next((known for known in parts if piece.startswith(known)), None)
        if name is None:
            text += f":{piece}"
            continue
        values.append(parts[name])
        text += "%s" + piece[len(name) :]
    return text, values
