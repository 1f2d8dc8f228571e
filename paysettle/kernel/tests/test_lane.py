"""What waited for longer than it may is not carried out; and the lane is not called under locks."""

from contextlib import closing

import pytest

from paysettle.kernel import transactions
from paysettle.kernel.errors import Overloaded
from paysettle.kernel.lane import Lane
from paysettle.payments.operations.send import send_payment
from tests.money import balance, books_are_right
from tests.people import deposit, payment_order, person

pytestmark = pytest.mark.money


@pytest.mark.parametrize(("deadline_s", "paid"), [pytest.param(-1, 0, id="late"), pytest.param(20, 10, id="control")])
def test_what_is_past_its_deadline_is_not_carried_out(deadline_s: float, paid: int) -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    with closing(Lane(queue_max=10, deadline_s=deadline_s)) as lane:
        error = lane.submit(send_payment, payment_order(ana, ben, 10, key="k")).exception(timeout=20)
    assert isinstance(error, Overloaded) == (paid == 0)
    assert balance(ben) == paid
    with closing(Lane(queue_max=10, deadline_s=20)) as lane:  # nothing was stored under the key of what was late
        answer = lane.submit(send_payment, payment_order(ana, ben, 10, key="k")).result(timeout=20)
    assert (answer.status, answer.replayed) == (201, paid > 0)
    assert balance(ben) == 10
    books_are_right(ana, ben)


def test_it_is_not_called_inside_a_transaction() -> None:
    ana, ben = person("ana"), person("ben")
    with closing(Lane(queue_max=10, deadline_s=20)) as lane, pytest.raises(RuntimeError, match="inside a transaction"):
        transactions.run(lambda _tx: lane.submit(send_payment, payment_order(ana, ben, 10)))
    assert lane.state() == "not started"
