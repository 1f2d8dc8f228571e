"""Who is told what about which event: one table, in plain Python."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from paysettle.events.envelope import RecordedEvent
from paysettle.identity import queries as people
from paysettle.identity.roles import APPROVERS, MAILED, Role
from paysettle.kernel import identifiers
from paysettle.kernel.money import Money
from paysettle.notifications.kinds import Kind

PAYMENT_COMPLETED = "paysettle.payment.completed.v1"
PAYMENT_AUTHORISED = "paysettle.payment.authorised.v1"
PAYMENT_APPROVAL_REQUESTED = "paysettle.payment.approval_requested.v1"
PAYMENT_APPROVED = "paysettle.payment.approved.v1"
PAYMENT_REJECTED = "paysettle.payment.rejected.v1"
PAYMENT_LAPSED = "paysettle.payment.lapsed.v1"
PAYMENT_CAPTURED = "paysettle.payment.captured.v1"
PAYMENT_RELEASED = "paysettle.payment.released.v1"
PAYMENT_EXPIRED = "paysettle.payment.expired.v1"
PAYMENT_REFUNDED = "paysettle.payment.refunded.v1"
SETTLEMENT_REQUESTED = "paysettle.settlement.requested.v1"
SETTLEMENT_SETTLED = "paysettle.settlement.settled.v1"
SETTLEMENT_REJECTED = "paysettle.settlement.rejected.v1"
SETTLEMENT_WITHDRAWN = "paysettle.settlement.withdrawn.v1"
PASSWORD_CHANGED = "paysettle.person.password_changed.v1"  # noqa: S105 - a type, not a password
ADDRESS_CHANGED = "paysettle.person.address_changed.v1"
SECOND_FACTOR_ADDED = "paysettle.person.second_factor_added.v1"
SECOND_FACTOR_REMOVED = "paysettle.person.second_factor_removed.v1"
RECOVERY_CODES_MADE = "paysettle.person.recovery_codes_made.v1"
RECOVERY_CODE_USED = "paysettle.person.recovery_code_used.v1"
SESSION_ENDED = "paysettle.session.ended.v1"
API_KEY_MADE = "paysettle.api_key.made.v1"
API_KEY_REVOKED = "paysettle.api_key.revoked.v1"
PARTY_CLOSED = "paysettle.party.closed.v1"


@dataclass(frozen=True, slots=True)
class Notice:
    """One party is told one thing: by whom it was done, about which object, and how much.

    The inbox is the party's. By mail it goes to the members in these roles; or to one member (`person_id`) alone; and
    never to who has done it themselves (`done_by`), where that is known.
    """

    recipient_id: UUID
    kind: Kind
    party_id: UUID
    subject: str
    amounts: tuple[Money, ...]
    roles: frozenset[Role] = MAILED
    person_id: UUID | None = None
    done_by: UUID | None = None

    def is_mailed_to(self, user_id: UUID, role: Role) -> bool:
        """Tell whether a member of the party gets it by mail."""
        if self.person_id is not None:
            return user_id == self.person_id
        return role in self.roles and user_id != self.done_by

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


def _approvers_are_told(event: RecordedEvent) -> list[Notice]:
    """Tell the payer's approvers that a payment waits for them."""
    payer, payee = (identifiers.parse("par", event.data[side]) for side in ("payer", "payee"))
    amounts, maker = (_money(event.data["amount"]),), identifiers.parse("usr", event.data["made_by"])
    kind, subject = Kind.PAYMENT_APPROVAL_REQUESTED, event.data["payment"]
    return [Notice(payer, kind, payee, subject, amounts, roles=APPROVERS, done_by=maker)]


def _maker_is_told(kind: Kind) -> Callable[[RecordedEvent], list[Notice]]:
    """Tell the payer, and by mail who made the payment, what became of it."""

    def notices(event: RecordedEvent) -> list[Notice]:
        payer, payee = (identifiers.parse("par", event.data[side]) for side in ("payer", "payee"))
        maker = identifiers.parse("usr", event.data["made_by"])
        return [Notice(payer, kind, payee, event.data["payment"], (_money(event.data["amount"]),), person_id=maker)]

    return notices


def _approval_is_told(event: RecordedEvent) -> list[Notice]:
    """Tell both sides once the last approval has come: before it the payee knows of nothing."""
    payees_kind = {"completed": Kind.PAYMENT_RECEIVED, "authorised": Kind.PAYMENT_AUTHORISED}.get(event.data["state"])
    if payees_kind is None:
        return []
    return [*_maker_is_told(Kind.PAYMENT_APPROVED)(event), *_is_told("payee", payees_kind)(event)]


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


def _person_is_told(kind: Kind) -> Callable[[RecordedEvent], list[Notice]]:
    """Tell a person what became of what they sign in with, whoever did it: they should know if it was not them."""

    def notices(event: RecordedEvent) -> list[Notice]:
        return [_about_oneself(event.stream, kind, event.stream)]

    return notices


def _ended_by_others(event: RecordedEvent) -> list[Notice]:
    """Tell a person of a session that ended without them: by staff, or because its tokens were copied."""
    user, reason = event.data["user"], event.data["reason"]
    told = reason == "refresh_token_replayed" or (reason == "revoked" and event.actor != user)
    return [_about_oneself(user, Kind.SESSION_ENDED, event.stream)] if told else []


def _about_oneself(user: str, kind: Kind, subject: str) -> Notice:
    party = people.person(identifiers.parse("usr", user)).own_party_id
    return Notice(party, kind, party, subject, ())


def _owner_is_told(event: RecordedEvent) -> list[Notice]:
    """Tell the party whose API key it is; who leads it gets it by mail."""
    kind = Kind.API_KEY_REVOKED if event.type == API_KEY_REVOKED else Kind.API_KEY_MADE
    if "replaces" in event.data:
        kind = Kind.API_KEY_ROTATED
    owner = identifiers.parse("par", event.data["owner"])
    return [Notice(owner, kind, owner, event.data["api_key"], ())]


def _who_acted_for_it_is_told(event: RecordedEvent) -> list[Notice]:
    """Tell everybody who acted for a party that it was closed, in the inbox of the party that they are."""
    closed = identifiers.parse("par", event.stream)
    told = [identifiers.parse("par", one["party"]) for one in event.data["told"]]
    return [Notice(party, Kind.ACCOUNT_CLOSED, closed, event.stream, ()) for party in told]


HANDLERS: dict[str, Callable[[RecordedEvent], list[Notice]]] = {
    PAYMENT_COMPLETED: _is_told("payee", Kind.PAYMENT_RECEIVED),
    PAYMENT_AUTHORISED: _is_told("payee", Kind.PAYMENT_AUTHORISED),
    PAYMENT_APPROVAL_REQUESTED: _approvers_are_told,
    PAYMENT_APPROVED: _approval_is_told,
    PAYMENT_REJECTED: _maker_is_told(Kind.PAYMENT_REJECTED),
    PAYMENT_LAPSED: _maker_is_told(Kind.PAYMENT_LAPSED),
    PAYMENT_CAPTURED: _is_told("payer", Kind.PAYMENT_CAPTURED),
    PAYMENT_RELEASED: _is_told("payer", Kind.PAYMENT_RELEASED),
    PAYMENT_EXPIRED: _is_told("payee", Kind.PAYMENT_EXPIRED),
    PAYMENT_REFUNDED: _is_told("payer", Kind.PAYMENT_REFUNDED),
    SETTLEMENT_REQUESTED: _others_are_told(Kind.SETTLEMENT_REQUESTED),
    SETTLEMENT_SETTLED: _asker_is_told(Kind.SETTLEMENT_APPROVED),
    SETTLEMENT_REJECTED: _asker_is_told(Kind.SETTLEMENT_REJECTED),
    PARTY_CLOSED: _who_acted_for_it_is_told,
    SETTLEMENT_WITHDRAWN: _others_are_told(Kind.SETTLEMENT_WITHDRAWN),
    PASSWORD_CHANGED: _person_is_told(Kind.PASSWORD_CHANGED),
    ADDRESS_CHANGED: _person_is_told(Kind.ADDRESS_CHANGED),
    SECOND_FACTOR_ADDED: _person_is_told(Kind.SECOND_FACTOR_ADDED),
    SECOND_FACTOR_REMOVED: _person_is_told(Kind.SECOND_FACTOR_REMOVED),
    RECOVERY_CODES_MADE: _person_is_told(Kind.RECOVERY_CODES_MADE),
    RECOVERY_CODE_USED: _person_is_told(Kind.RECOVERY_CODE_USED),
    SESSION_ENDED: _ended_by_others,
    API_KEY_MADE: _owner_is_told,
    API_KEY_REVOKED: _owner_is_told,
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
