"""The programs: one transaction for each payment, the same as a stored procedure, and set-based batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.raw import rows
from bench.raw.rows import Payment, Texts

SESSION = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; SET time_zone = '+00:00',"
    " sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
    # MariaDB would make a subquery of a long IN list, and lock in another order.
    " in_predicate_conversion_threshold = 0"
)

PROCEDURE = f"""
CREATE OR REPLACE PROCEDURE bench_pay(
  IN p_payer BINARY(16), IN p_payee BINARY(16), IN p_debit BINARY(16), IN p_credit BINARY(16), IN p_amount BIGINT,
  IN p_id BINARY(16), IN p_transfer BINARY(16), IN p_group BINARY(16), IN p_event BINARY(16), IN p_digest BINARY(32),
  IN p_reference VARCHAR(64), IN p_stream VARCHAR(40), IN p_request VARCHAR(128), IN p_answer TEXT, IN p_data TEXT,
  IN p_actor VARCHAR(64), IN p_party VARCHAR(40))
BEGIN
  DECLARE d_balance, c_balance, d_sequence, c_sequence BIGINT;
  DECLARE d_at, c_at, at_ DATETIME(6);
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
  START TRANSACTION;
  IF p_debit < p_credit THEN
    SELECT balance_minor, sequence, last_booked_at INTO d_balance, d_sequence, d_at FROM ledger_account
      WHERE id = p_debit FOR UPDATE;
    SELECT balance_minor, sequence, last_booked_at INTO c_balance, c_sequence, c_at FROM ledger_account
      WHERE id = p_credit FOR UPDATE;
  ELSE
    SELECT balance_minor, sequence, last_booked_at INTO c_balance, c_sequence, c_at FROM ledger_account
      WHERE id = p_credit FOR UPDATE;
    SELECT balance_minor, sequence, last_booked_at INTO d_balance, d_sequence, d_at FROM ledger_account
      WHERE id = p_debit FOR UPDATE;
  END IF;
  SET at_ = GREATEST(SYSDATE(6), d_at, c_at);
  INSERT INTO kernel_idempotency_key ({rows.KEY_COLUMNS}) VALUES
    (p_payer, 'payment.send', p_digest, p_digest, 1, 201, p_id, p_answer, p_request, at_);
  INSERT INTO payments_payment ({rows.PAYMENT_COLUMNS}) VALUES
    (p_id, p_payer, p_payee, p_amount, 'EUR', p_amount, 0, '', p_reference, '{{}}', 'completed', NULL, NULL, 1,
    p_payer, at_);
  INSERT INTO ledger_transfer ({rows.TRANSFER_COLUMNS}) VALUES
    (p_transfer, p_group, p_debit, p_credit, p_amount, 'EUR', 'payment', p_id, p_event, at_, at_);
  INSERT INTO ledger_entry ({rows.ENTRY_COLUMNS}) VALUES
    (p_credit, c_sequence + 1, p_transfer, p_amount, c_balance + p_amount, 'payment', p_id, p_payer, at_),
    (p_debit, d_sequence + 1, p_transfer, -p_amount, d_balance - p_amount, 'payment', p_id, p_payee, at_);
  UPDATE ledger_account SET balance_minor = d_balance - p_amount, sequence = d_sequence + 1, last_booked_at = at_
    WHERE id = p_debit;
  UPDATE ledger_account SET balance_minor = c_balance + p_amount, sequence = c_sequence + 1, last_booked_at = at_
    WHERE id = p_credit;
  UPDATE event_head SET position = (@p := position) + 1 WHERE id = 1;
  INSERT INTO event ({rows.EVENT_COLUMNS}) VALUES
    (@p + 1, p_event, p_stream, 1, 'paysettle.payment.completed.v1', p_actor, p_party, p_data, p_request, at_);
  COMMIT;
END
"""

Execute = Callable[[str], Sequence[Any]]
"""Runs SQL, several statements perhaps, and returns the rows of the first."""

Program = Callable[[Execute, Sequence[Payment], Texts], None]


@dataclass(slots=True)
class Account:
    """A locked account."""

    balance: int
    sequence: int


def pay_each(execute: Execute, payments: Sequence[Payment], texts: Texts) -> None:
    """Make each payment in a transaction of its own, in eight round trips."""
    for payment in payments:
        _pay_together(execute, [payment], texts, look_up=False)


def pay_together(execute: Execute, payments: Sequence[Payment], texts: Texts) -> None:
    """Make all payments in one transaction: one statement a table, the keys looked up first."""
    _pay_together(execute, payments, texts, look_up=True)


def call_each(execute: Execute, payments: Sequence[Payment], texts: Texts) -> None:
    """Make each payment in a transaction of its own, in one round trip, inside the database."""
    for p in payments:
        execute(
            f"CALL bench_pay(x'{p.payer}',x'{p.payee}',x'{p.debit}',x'{p.credit}',{p.amount},x'{p.id}',x'{p.transfer}',"
            f"x'{p.group}',x'{p.event}',x'{p.digest}','{p.reference}','{p.stream}',"
            f"'req_{p.transfer[:26]}','{texts.answer}','{texts.data}','{texts.actor}','{texts.party}')"
        )


PROGRAMS: dict[str, Program] = {"single": pay_each, "procedure": call_each, "batch": pay_together}


def _pay_together(execute: Execute, payments: Sequence[Payment], texts: Texts, *, look_up: bool) -> None:
    execute("BEGIN")
    accounts = _lock(execute, payments)
    if look_up:
        digests = ",".join(f"x'{p.digest}'" for p in payments)
        known = execute(f"SELECT digest, fingerprint FROM kernel_idempotency_key WHERE digest IN ({digests})")
        if known:
            raise RuntimeError("A key was used before.")
    at = rows.now()
    entries = [row for p in payments for row in _book(accounts, p, at)]
    for table, columns, values in (
        ("kernel_idempotency_key", rows.KEY_COLUMNS, (rows.key(p, texts, at) for p in payments)),
        ("payments_payment", rows.PAYMENT_COLUMNS, (rows.payment(p, at) for p in payments)),
        ("ledger_transfer", rows.TRANSFER_COLUMNS, (rows.transfer(p, at) for p in payments)),
        ("ledger_entry", rows.ENTRY_COLUMNS, entries),
    ):
        execute(f"INSERT INTO {table} ({columns}) VALUES {','.join(values)}")
    execute(_balances(accounts, at))
    events = ",".join(rows.event(p, texts, n, at) for n, p in enumerate(payments, start=1))
    execute(
        f"UPDATE event_head SET position = (@p := position) + {len(payments)} WHERE id = 1;"
        f" INSERT INTO event ({rows.EVENT_COLUMNS}) VALUES {events}; COMMIT"
    )


def _lock(execute: Execute, payments: Sequence[Payment]) -> dict[str, Account]:
    ids = ",".join(f"x'{id_}'" for id_ in {id_ for p in payments for id_ in (p.debit, p.credit)})
    found = execute(
        f"SELECT HEX(id), balance_minor, sequence FROM ledger_account WHERE id IN ({ids}) ORDER BY id FOR UPDATE"
    )
    return {id_.lower(): Account(balance, sequence) for id_, balance, sequence in found}


def _book(accounts: dict[str, Account], p: Payment, at: str) -> list[str]:
    lines = []
    for id_, amount in ((p.credit, p.amount), (p.debit, -p.amount)):
        account = accounts[id_]
        account.balance += amount
        account.sequence += 1
        lines.append(rows.entry(id_, account.sequence, p, amount, account.balance, at))
    return lines


def _balances(accounts: dict[str, Account], at: str) -> str:
    values = " UNION ALL ".join(
        f"SELECT x'{id_}' AS id, {account.balance} AS balance, {account.sequence} AS sequence"
        for id_, account in accounts.items()
    )
    return (
        f"UPDATE ledger_account t JOIN ({values}) v ON t.id = v.id"
        f" SET t.balance_minor = v.balance, t.sequence = v.sequence, t.last_booked_at = '{at}'"
    )
