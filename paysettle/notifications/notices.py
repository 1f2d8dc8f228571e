"""Who is told what about which event: one table, in plain Python."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from paysettle.events.envelope import RecordedEvent
from paysettle.kernel import identifiers
from paysettle.kernel.money import Money
from paysettle.notifications.kinds import Kind

PAYMENT_COMPLETED = "paysettle.payment.completed.v1"
PAYMENT_AUTHORISED = "paysettle.payment.authorised.v1"
PAYMENT_CAPTURED = "paysettle.payment.captured.v1"
PAYMENT_RELEASED = "paysettle.payment.released.v1"
PAYMENT_EXPIRED = "paysettle.payment.expired.v1"
PAYMENT_REFUNDED = "paysettle.payment.refunded.v1"
SETTLEMENT_REQUESTED = "paysettle.settlement.requested.v1"
SETTLEMENT_SETTLED = "paysettle.settlement.settled.v1"
SETTLEMENT_REJECTED = "paysettle.settlement.rejected.v1"
SETTLEMENT_WITHDRAWN = "paysettle.settlement.withdrawn.v1"
PARTY_CLOSED = "paysettle.party.closed.v1"


@dataclass(frozen=True, slots=True)
class Notice:
    """One party is told one thing: by whom it was done, about which object, and how much."""

    recipient_id: UUID
    kind: Kind
    party_id: UUID
    subject: str
    amounts: tuple[Money, ...]

    def data(self) -> dict[str, Any]:
        """Return what the inbox keeps: ids and amounts."""
        return {
            "subject": self.subject,
            "party": identifiers.show("par", self.party_id),
            "amounts": [money.document() for money in self.amounts],
        }


def _is_told(side: str, kind: Kind) -> Callable[[RecordedEvent], list[Notice]]:
    """Tell one side of a payment what the other did."""
    other = "payer" if side == "payee" else "payee"

    def notices(event: RecordedEvent) -> list[Notice]:
        told, doer = (identifiers.parse("par", event.data[name]) for name in (side, other))
        return [Notice(told, kind, doer, event.data["payment"], (_money(event.data["amount"]),))]

    return notices


def _others_are_told(kind: Kind) -> Callable[[RecordedEvent], list[Notice]]:
    """Tell everybody else in the settlement what the asker did, each with the amounts of their own legs."""

    def notices(event: RecordedEvent) -> list[Notice]:
        asker = identifiers.parse("par", event.data["asker"])
        return [
            Notice(party, kind, asker, event.data["settlement"], amounts)
            for party, amounts in _amounts_by_party(event).items()
            if party != asker
        ]

    return notices


def _asker_is_told(kind: Kind) -> Callable[[RecordedEvent], list[Notice]]:
    """Tell the asker what another party of the settlement did."""

    def notices(event: RecordedEvent) -> list[Notice]:
        asker = identifiers.parse("par", event.data["asker"])
        doer = identifiers.parse("par", event.party)
        return [Notice(asker, kind, doer, event.data["settlement"], _amounts_by_party(event)[asker])]

    return notices


def _who_acted_for_it_is_told(event: RecordedEvent) -> list[Notice]:
    """Tell everybody who acted for a party that it was closed, in the inbox of the party that they are."""
    closed = identifiers.parse("par", event.stream)
    told = [identifiers.parse("par", one["party"]) for one in event.data["told"]]
    return [Notice(party, Kind.ACCOUNT_CLOSED, closed, event.stream, ()) for party in told]


HANDLERS: dict[str, Callable[[RecordedEvent], list[Notice]]] = {
    PAYMENT_COMPLETED: _is_told("payee", Kind.PAYMENT_RECEIVED),
    PAYMENT_AUTHORISED: _is_told("payee", Kind.PAYMENT_AUTHORISED),
    PAYMENT_CAPTURED: _is_told("payer", Kind.PAYMENT_CAPTURED),
    PAYMENT_RELEASED: _is_told("payer", Kind.PAYMENT_RELEASED),
    PAYMENT_EXPIRED: _is_told("payee", Kind.PAYMENT_EXPIRED),
    PAYMENT_REFUNDED: _is_told("payer", Kind.PAYMENT_REFUNDED),
    SETTLEMENT_REQUESTED: _others_are_told(Kind.SETTLEMENT_REQUESTED),
    SETTLEMENT_SETTLED: _asker_is_told(Kind.SETTLEMENT_APPROVED),
    SETTLEMENT_REJECTED: _asker_is_told(Kind.SETTLEMENT_REJECTED),
    PARTY_CLOSED: _who_acted_for_it_is_told,
    SETTLEMENT_WITHDRAWN: _others_are_told(Kind.SETTLEMENT_WITHDRAWN),
}


def _amounts_by_party(event: RecordedEvent) -> dict[UUID, tuple[Money, ...]]:
    """Return what each party's legs come to, one amount for each currency."""
    sums: dict[UUID, dict[str, int]] = {}
    for leg in event.data["legs"]:
        money = _money(leg["amount"])
        for side in ("debtor", "creditor"):
            of_party = sums.setdefault(identifiers.parse("par", leg[side]), {})
            of_party[money.currency] = of_party.get(money.currency, 0) + money.amount_minor
    return {
        party: tuple(Money(amount_minor, currency) for currency, amount_minor in sorted(of_party.items()))
        for party, of_party in sums.items()
    }


def _money(document: dict[str, Any]) -> Money:
    return Money(int(document["amount"]), str(document["currency"]))
