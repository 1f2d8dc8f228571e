"""Whoever has nothing to do with a payment or a settlement, or nothing yet, locks no row of it, and waits for none.

So nobody keeps the parties from their money by asking for it, and the time of a refusal does not tell what there is.
"""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Model

from paysettle.identity.roles import Role
from paysettle.kernel import identifiers
from paysettle.kernel.batch import Operation
from paysettle.kernel.errors import DomainError
from paysettle.kernel.lane import Lane, lane
from paysettle.ledger import accounts
from paysettle.ledger.models import Account
from paysettle.payments.lifecycle import Verb as PaymentVerb
from paysettle.payments.models import Payment
from paysettle.payments.operations.moves import MovePayment, PaymentMove, move_payment, refund_payment
from paysettle.settlements.lifecycle import Verb as SettlementVerb
from paysettle.settlements.models import Settlement, SettlementLeg
from paysettle.settlements.operations.moves import MoveSettlement, SettlementDecision, move_settlement
from tests.approvals import limit
from tests.companies import company
from tests.held import row_held
from tests.moves import authorise, move_order
from tests.orders import decision, request_order
from tests.people import Person, deposit, pay, person
from tests.plugin import KIND

pytestmark = [
    pytest.mark.money,
    pytest.mark.skipif(KIND == "sqlite", reason="SQLite has no row locks"),
]

LONG_S = 20
"""What waits for a row that is held so long waits for good."""

OF_PAYMENTS = set(PaymentVerb) - {PaymentVerb.EXPIRE}
OF_SETTLEMENTS = set(SettlementVerb) - {SettlementVerb.REQUEST}
MOVES = sorted(OF_PAYMENTS) + sorted(OF_SETTLEMENTS)


def told_to_a_stranger(what: PaymentVerb | SettlementVerb, *, within_s: float = LONG_S) -> str:
    """Return the code that somebody who has nothing to do with a payment or a settlement is answered."""
    ana, ben, eva = (person(name) for name in ("ana", "ben", "eva"))
    deposit(ana, 10)
    if isinstance(what, PaymentVerb):
        payment = authorise(ana, ben, 10).document()["id"]
        return told(move_order(eva, what, payment), (ana, ben), within_s=within_s)
    asked = lane.call(move_settlement, request_order(ben, ana, 10)).document()["id"]
    return told(decision(eva, what, identifiers.parse("set", asked)), (ana, ben), within_s=within_s)


def told(order: PaymentMove | SettlementDecision, parties: Sequence[Person], *, within_s: float = LONG_S) -> str:
    """Return the code that an order is answered while somebody holds what it names, and the wallets of its parties."""
    operation: Operation[Any] = refund_payment if order.what is PaymentVerb.REFUND else move_payment
    model: type[Model] = Payment
    if isinstance(order, SettlementDecision):
        operation, model = move_settlement, Settlement
    with ExitStack() as stack:
        waiting = stack.enter_context(closing(Lane(queue_max=10, deadline_s=within_s)))
        stack.enter_context(row_held(model, _named_by(order)))
        for party in parties:
            stack.enter_context(row_held(Account, accounts.wallet(party.party_id, "EUR")))
        error = waiting.submit(operation, order).exception(timeout=4 * within_s)
    assert isinstance(error, DomainError)
    return error.code


def _named_by(order: PaymentMove | SettlementDecision) -> UUID:
    return order.settlement_id if isinstance(order, SettlementDecision) else order.payment_id


@pytest.mark.parametrize("what", MOVES)
def test_a_stranger_waits_for_no_lock(what: PaymentVerb | SettlementVerb) -> None:
    assert told_to_a_stranger(what) == "not_found"


@pytest.mark.parametrize("what", sorted(OF_PAYMENTS))
def test_nor_does_the_payee_of_what_is_not_approved(what: PaymentVerb) -> None:
    """To them there is no such payment yet."""
    firm, ben = company(person("olga")), person("ben")
    paula = firm.join(person("paula"), Role.PAYER)
    limit(firm, paula, per_payment=0)
    deposit(paula, 10)
    payment = pay(paula, ben, 10).document()["id"]
    assert told(move_order(ben, what, payment), (paula, ben)) == "not_found"


@pytest.mark.parametrize(
    ("operation", "what"), [(MovePayment, PaymentVerb.CAPTURE), (MoveSettlement, SettlementVerb.APPROVE)]
)
def test_control_with_the_locks_of_the_parties_a_stranger_waits(
    operation: Any, what: PaymentVerb | SettlementVerb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: what an order needs is prepared without asking whose it is, and its rows are locked."""
    prepare = operation.prepare

    def for_anybody(self: Any, item: Any) -> Any:
        return prepare(self, replace(item, party_id=_one_of_the_parties(item)))

    monkeypatch.setattr(operation, "prepare", for_anybody)
    assert told_to_a_stranger(what, within_s=2) != "not_found"


def _one_of_the_parties(item: Any) -> UUID:
    if isinstance(item, PaymentMove):
        return Payment.objects.get(id=item.payment_id).payer_id
    if isinstance(item, SettlementDecision):
        return SettlementLeg.objects.get(settlement=item.settlement_id).debtor_id
    return item.party_id  # type: ignore[no-any-return]
