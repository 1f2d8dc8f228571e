"""M1: a balance that is read, changed in Python and saved loses updates in READ COMMITTED; a posting loses none."""

import pytest

from paysettle.kernel import batch
from paysettle.payments.operations.send import send_payment
from tests import spoilt
from tests.money import balance, books_are_right
from tests.people import Person, payment_order, person
from tests.plugin import KIND
from tests.safety import planted

pytestmark = pytest.mark.money

THREADS = 4 if KIND == "sqlite" else 8
EACH = 25


@pytest.mark.usefixtures("spoilt_database")
def test_postings_of_many_lanes_lose_nothing() -> None:
    ana, ben = person("ana"), person("ben")
    _pay_from_many_lanes(ana, ben)
    assert (balance(ana), balance(ben)) == (0, THREADS * EACH)
    books_are_right(ana, ben)


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite lets one transaction in at a time: nothing can read in between")
@pytest.mark.usefixtures("spoilt_database")
def test_control_read_change_save_loses_money() -> None:
    """The same payments without locks and guards: ben has less than was paid to him."""
    ana, ben = person("ana"), person("ben")
    with planted.naive_transactions():
        _pay_from_many_lanes(ana, ben)
    assert balance(ben) < THREADS * EACH


def _pay_from_many_lanes(ana: Person, ben: Person) -> None:
    """Pay 1 again and again, each thread like a process with a lane of its own."""
    spoilt.deposit(ana, THREADS * EACH)

    def lane() -> None:
        for _ in range(EACH):
            assert spoilt.code(batch.run(send_payment, [payment_order(ana, ben, 1)])[0]) == "ok"

    spoilt.at_once([lane] * THREADS)
