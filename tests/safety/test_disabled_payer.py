"""X7: somebody who was disabled, or whose session was ended, pays nothing more from that moment on.

Their access token is good for minutes; so each payment asks the database, under its locks. Whatever is sent after
`disable` has returned is refused, in every process, while eight threads go on paying.
"""

from collections.abc import Callable
from unittest.mock import patch

import pytest

from paysettle.identity.caller import Caller
from paysettle.identity.operations import parties, sessions
from paysettle.identity.operations import people as operations
from paysettle.identity.standing import Standing
from paysettle.kernel import batch
from paysettle.kernel.identifiers import SYSTEM
from paysettle.payments.operations.send import send_payment
from tests import spoilt
from tests.money import balance, books_are_right
from tests.people import Person, deposit, payment_order, person
from tests.safety.paying import paid_around
from tests.server import Server

pytestmark = pytest.mark.money

OPERATOR = Caller(party_id=SYSTEM, operator="tests")

Ending = Callable[[Person], None]

ENDINGS: dict[str, tuple[Ending, str]] = {
    "the person is disabled": (
        lambda ana: operations.disable(by=OPERATOR, user_id=ana.user.id, reason="a test"),
        "session_ended",
    ),
    "the party is disabled": (
        lambda ana: parties.disable(by=OPERATOR, party_id=ana.party_id, reason="a test"),
        "party_disabled",
    ),
    "the session is ended": (lambda ana: sessions.end(by=ana.caller, session_id=ana.session.id), "session_ended"),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_nothing_that_is_sent_afterwards_is_paid(server: Server, how: str) -> None:
    end, code = ENDINGS[how]
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10**9)
    client = server.client(ana)
    sent, ended = paid_around(lambda: client.pay(ben, 1), lambda: end(ana))
    assert {one.code for one in sent if one.at > ended} == {code}
    paid = [one for one in sent if one.code == "ok"]
    assert paid
    assert balance(ben) == len(paid)
    books_are_right(ana, ben)


@pytest.mark.usefixtures("spoilt_database")
@pytest.mark.parametrize("how", ENDINGS)
def test_control_a_token_that_nobody_asks_about_goes_on_paying(how: str) -> None:
    """Without the question to the database a disabled payer pays on: the set of codes above would hold `ok`."""
    ana, ben = person("ana"), person("ben")
    spoilt.deposit(ana, 10)
    end, code = ENDINGS[how]
    end(ana)
    [refused] = batch.run(send_payment, [payment_order(ana, ben, 1)])
    with patch.object(Standing, "admit", lambda _standing, _caller, _needed: None):
        [paid] = batch.run(send_payment, [payment_order(ana, ben, 1)])
    assert (spoilt.code(refused), spoilt.code(paid)) == (code, "ok")
