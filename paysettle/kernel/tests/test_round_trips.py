"""What travels together is still carried out in order, checked, and as a whole."""

from uuid import UUID

import pytest
from django.db import IntegrityError, connection

from paysettle.kernel import transactions
from paysettle.kernel.transactions import Transaction
from paysettle.ledger import accounts
from tests.people import person

pytestmark = pytest.mark.money

COLUMNS = ("name", "position", "token", "starts", "suspect")


def wallet() -> UUID:
    return accounts.wallet(person("ana").party_id, "EUR")


def sequence_of(account: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequence FROM ledger_account WHERE id = %s", [account.bytes])
        return int(cursor.fetchone()[0])


def names_like(start: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM event_cursor WHERE name LIKE %s ORDER BY name", [start + "%"])
        return [row[0] for row in cursor.fetchall()]


def test_writes_that_are_put_together_all_happen() -> None:
    account = wallet()
    mark = account.hex[:20]

    def work(tx: Transaction) -> None:
        with tx.together():
            tx.insert("event_cursor", COLUMNS, [(f"{mark}-1", 0, 0, 0, 0), (f"{mark}-2", 0, 0, 0, 0)])
            tx.update("ledger_account", ["sequence"], [(account.bytes, 7, 0)], guard=["sequence"])
            tx.insert("event_cursor", COLUMNS, [(f"{mark}-3", 0, 0, 0, 0)])

    transactions.run(work)
    assert names_like(mark) == [f"{mark}-1", f"{mark}-2", f"{mark}-3"]
    assert sequence_of(account) == 7
    transactions.run(lambda tx: tx.update("ledger_account", ["sequence"], [(account.bytes, 0, 7)], guard=["sequence"]))


def test_a_row_that_has_changed_undoes_all_of_them() -> None:
    account = wallet()
    mark = account.hex[:20]

    def work(tx: Transaction) -> None:
        with tx.together():
            tx.insert("event_cursor", COLUMNS, [(mark, 0, 0, 0, 0)])
            tx.update("ledger_account", ["sequence"], [(account.bytes, 7, 999)], guard=["sequence"])
            tx.insert("event_cursor", COLUMNS, [(f"{mark}-2", 0, 0, 0, 0)])

    with pytest.raises(RuntimeError, match="1 rows changed under their locks"):
        transactions.run(work)
    assert names_like(mark) == []
    assert sequence_of(account) == 0


def test_a_write_that_fails_in_the_middle_undoes_all_of_them() -> None:
    mark = wallet().hex[:20]

    def work(tx: Transaction) -> None:
        with tx.together():
            tx.insert("event_cursor", COLUMNS, [(mark, 0, 0, 0, 0)])
            tx.insert("event_cursor", COLUMNS, [(mark, 0, 0, 0, 0)])
            tx.insert("event_cursor", COLUMNS, [(f"{mark}-2", 0, 0, 0, 0)])

    with pytest.raises(IntegrityError):
        transactions.run(work)
    assert names_like(mark) == []


def test_nothing_is_read_while_writes_are_put_together() -> None:
    def work(tx: Transaction) -> None:
        with tx.together():
            tx.fetch("SELECT 1")

    with pytest.raises(RuntimeError, match="Nothing may be read"):
        transactions.run(work)


def test_many_writes_go_in_several_packets() -> None:
    mark = wallet().hex[:20]
    rows = [(f"{mark}-{n:05d}", 0, 0, 0, 0) for n in range(6000)]  # 30,000 parameters

    def work(tx: Transaction) -> int:
        with tx.together():
            tx.insert("event_cursor", COLUMNS, rows)
        found = len(tx.fetch("SELECT name FROM event_cursor WHERE name LIKE %s", [f"{mark}%"]))
        tx.execute("DELETE FROM event_cursor WHERE name LIKE %s", [f"{mark}%"])
        return found

    assert transactions.run(work) == len(rows)


def test_each_question_has_its_own_reply() -> None:
    first, second = wallet(), wallet()
    select = "SELECT id FROM ledger_account WHERE id IN ({values})"

    def work(tx: Transaction) -> None:
        both = tx.ask(select, [first.bytes, second.bytes])
        none = tx.ask(select, [])
        clock = tx.ask_clock()
        one = tx.ask(select, [second.bytes])
        assert [bytes(row[0]) for row in one.rows] == [second.bytes]
        assert sorted(bytes(row[0]) for row in both.rows) == sorted([first.bytes, second.bytes])
        assert none.rows == []
        assert abs((clock() - tx.read_clock()).total_seconds()) < 10

    transactions.run(work)


@pytest.mark.parametrize("text", ["it's", 'a "b"', "100 % %s", "back\\slash", "x'41'", "ünï €", ""])
def test_values_arrive_as_they_are(text: str) -> None:
    def work(tx: Transaction) -> None:
        (row,) = tx.fetch("SELECT %s, %s, %s, %s, %s", [text, b"\x00'\\%\xff", -(2**62), None, True])
        assert row[0] == text
        assert bytes(row[1]) == b"\x00'\\%\xff"
        assert row[2:] == (-(2**62), None, 1)

    transactions.run(work)
