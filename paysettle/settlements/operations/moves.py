"""Every step of a settlement is a move: request, approve, reject, withdraw. One operation carries them all out.

A move locks its settlement first, the wallets of its legs after it, and then the limit of who approves. Approval posts
one group, whose subject is the settlement, and changes the state in the same transaction; without funds it is refused
and the settlement stays open.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from paysettle.events import log
from paysettle.events.log import NewEvent
from paysettle.identity import queries as people
from paysettle.identity import step_up
from paysettle.identity.blocks import Blocks
from paysettle.identity.caller import Caller
from paysettle.identity.limits import Limits
from paysettle.identity.roles import Permission
from paysettle.identity.standing import Standing
from paysettle.kernel import identifiers
from paysettle.kernel.batch import Book, Operation, Success
from paysettle.kernel.errors import NotFound
from paysettle.kernel.idempotency import Item
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import RowLocked, Transaction, parse_time
from paysettle.ledger import accounts
from paysettle.ledger.posting import Group, Posting
from paysettle.ledger.rules import Transfer
from paysettle.settlements import documents, queries
from paysettle.settlements.documents import Move
from paysettle.settlements.lifecycle import State, Verb
from paysettle.settlements.rules import (
    DebtorNotFound,
    Leg,
    PartyUnavailable,
    SettlementWithOneself,
    Terms,
    check_move,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementRequest(Item):
    """The creditor asks the debtor (a handle or id) for an amount, with a reason."""

    by: Caller
    debtor: str
    money: Money
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementDecision(Item):
    """A party approves, rejects or withdraws a settlement, as it stood at `expected_version` (None: as it is)."""

    by: Caller
    what: Verb
    settlement_id: UUID
    reason: str
    expected_version: int | None


Order = SettlementRequest | SettlementDecision

_NEEDED = {
    Verb.REQUEST: Permission.SETTLE_ASK,
    Verb.WITHDRAW: Permission.SETTLE_ASK,
    Verb.APPROVE: Permission.SETTLE_DECIDE,
    Verb.REJECT: Permission.SETTLE_DECIDE,
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """What can be known of an order before its locks: the debtor of a request, the wallets its money would pass.

    `exists` tells whether there is the settlement that a decision names, for the party whose decision it is: strangers
    lock nothing of it, and their time does not tell that it is there.
    """

    debtor_id: UUID | None
    wallets: dict[tuple[UUID, str], UUID]
    exists: bool = True


@dataclass(slots=True)
class _Settlement:
    """A settlement as a batch sees it: locked or new, with its history, and how far the batch has taken it."""

    id: UUID
    terms: Terms
    moves: list[Move]
    version_before: int
    moved_by: list[UUID] = field(default_factory=list)


class MoveSettlement(Operation[Order]):
    """Carries out the moves of settlements, many in one transaction."""

    name = queries.OPERATION
    prefix = "set"

    def prepare(self, item: Order) -> _Plan:
        """Find the debtor of a request; open the wallets an approval needs."""
        if isinstance(item, SettlementRequest):
            return _Plan(people.find_party(item.debtor), {})
        legs = queries.legs_of([item.settlement_id]).get(item.settlement_id, [])
        places = {(party, leg.money.currency) for leg in legs for party in (leg.debtor_id, leg.creditor_id)}
        exists = item.party_id in {party for party, _ in places}
        if not exists or item.what is not Verb.APPROVE:
            return _Plan(None, {}, exists=exists)
        return _Plan(None, {place: accounts.wallet(*place) for place in places})

    def open(self, tx: Transaction, prepared: Sequence[tuple[Order, _Plan]]) -> "_SettlementBook":
        """Lock the settlements, then the wallets of those to be approved; read who may act."""
        return _SettlementBook(tx, prepared)


class _SettlementBook(Book[Order]):
    def __init__(self, tx: Transaction, prepared: Sequence[tuple[Order, _Plan]]) -> None:
        self._tx = tx
        self._plans = {id(item): plan for item, plan in prepared}
        wanted = [o.settlement_id for o, plan in prepared if isinstance(o, SettlementDecision) and plan.exists]
        self._settlements = _lock(tx, wanted)
        self._posting = Posting(tx, [account for _, plan in prepared for account in plan.wallets.values()])
        self._limits = Limits(
            tx,
            [
                (item.by, currency)
                for item, plan in prepared
                for party, currency in plan.wallets
                if party == item.party_id
            ],
        )
        parties = {party for s in self._settlements.values() for party in s.terms.party_ids}
        parties |= {plan.debtor_id for _, plan in prepared if plan.debtor_id is not None}
        self._standing = Standing(tx, [item.by for item, _ in prepared], parties)
        self._blocks = Blocks(tx, [(p.debtor_id, item.party_id) for item, p in prepared if p.debtor_id is not None])
        self._created: list[_Settlement] = []

    def admit(self, item: Order) -> None:
        self._standing.admit(item.by, _NEEDED[item.what if isinstance(item, SettlementDecision) else Verb.REQUEST])

    def decide(self, item: Order, now: datetime) -> Success:
        if isinstance(item, SettlementRequest):
            settlement = self._request(item)
            return self._move(settlement, item, Verb.REQUEST, State.REQUESTED, now)
        plan, found = self._plans[id(item)], self._settlements.get(item.settlement_id)
        if not plan.exists:
            raise NotFound
        if found is None:
            raise RowLocked  # it is there, as `prepare` has seen
        self._posting.require(plan.wallets.values())
        after = check_move(
            found.terms,
            party_id=item.party_id,
            user_id=item.by.user_id,
            what=item.what,
            expected_version=item.expected_version,
        )
        large = any(step_up.concerns(leg.money.amount_minor) for leg in found.terms.legs)
        if item.what is Verb.APPROVE and large:
            self._standing.check_fresh(item.by, now)
        return self._move(found, item, item.what, after, now)

    def write(self) -> None:
        tx = self._tx
        changed = [s for s in self._settlements.values() if s.moved_by]
        tx.insert(
            "settlements_settlement",
            ("id", "asker_id", "state", "version", "created_at", "changed_at"),
            [
                (
                    s.id.bytes,
                    s.terms.asker_id.bytes,
                    s.terms.state.value,
                    s.terms.version,
                    tx.time(s.moves[0].at),
                    tx.time(s.moves[-1].at),
                )
                for s in self._created
            ],
        )
        tx.insert(
            "settlements_leg",
            ("id", "settlement_id", "debtor_id", "creditor_id", "amount_minor", "currency"),
            [
                (
                    leg.id.bytes,
                    s.id.bytes,
                    leg.debtor_id.bytes,
                    leg.creditor_id.bytes,
                    leg.money.amount_minor,
                    leg.money.currency,
                )
                for s in self._created
                for leg in s.terms.legs
            ],
        )
        tx.update(
            "settlements_settlement",
            ("state", "version", "changed_at"),
            [
                (s.id.bytes, s.terms.state.value, s.terms.version, tx.time(s.moves[-1].at), s.version_before)
                for s in changed
            ],
            guard=("version",),
        )
        tx.insert(
            "settlements_move",
            ("settlement_id", "version", "party_id", "user_id", "what", "reason", "at"),
            [
                (s.id.bytes, m.version, m.party_id.bytes, user.bytes, m.what.value, m.reason, tx.time(m.at))
                for s in [*self._created, *changed]
                for m, user in zip(s.moves[-len(s.moved_by) :], s.moved_by, strict=True)
            ],
        )
        self._posting.write()
        self._limits.write()

    def _request(self, item: SettlementRequest) -> _Settlement:
        """Return a new settlement, not yet moved."""
        debtor_id = self._plans[id(item)].debtor_id
        if debtor_id is None:
            raise DebtorNotFound(f"Nobody is known as {item.debtor}.")
        if debtor_id == item.party_id:
            raise SettlementWithOneself
        # Whoever is blocked is told what they would be told of somebody who has been disabled.
        if not self._standing.party(debtor_id).active or self._blocks.keeps_away(debtor_id, item.party_id):
            raise PartyUnavailable
        leg = Leg(identifiers.new(), debtor_id, item.party_id, item.money)
        asked_by = item.by.user_id or identifiers.SYSTEM
        terms = Terms(item.party_id, asked_by, (leg,), State.REQUESTED, 0)
        settlement = _Settlement(identifiers.new(), terms, [], 0)
        self._created.append(settlement)
        return settlement

    def _move(self, settlement: _Settlement, item: Order, what: Verb, after: State, now: datetime) -> Success:
        """Take a settlement one version further; approval pays first, and raises when it cannot."""
        event_id = identifiers.new()
        told = self._pay(settlement, item, event_id, now) if what is Verb.APPROVE else []
        at = max([now, *(move.at for move in settlement.moves[-1:])])  # the history is in order of time
        terms = settlement.terms = replace(settlement.terms, state=after, version=settlement.terms.version + 1)
        settlement.moves.append(Move(terms.version, item.party_id, what, item.reason, at))
        settlement.moved_by.append(item.by.user_id or identifiers.SYSTEM)
        self._tell(settlement, item, event_id, told, at)
        document = documents.settlement(
            settlement_id=settlement.id,
            asker_id=terms.asker_id,
            state=after,
            legs=terms.legs,
            moves=settlement.moves,
            handles={party: self._standing.party(party).handle for party in terms.party_ids},
        )
        return Success(settlement.id, 201 if what is Verb.REQUEST else 200, document)

    def _pay(self, settlement: _Settlement, item: Order, event_id: UUID, now: datetime) -> list[dict[str, Any]]:
        """Book the legs as one group.

        Raises PartyUnavailable, LimitExceeded or MoreApprovalsNeeded for what the approver's party pays, or what the
        ledger refuses.
        """
        wallets = self._plans[id(item)].wallets
        terms = settlement.terms
        if not all(self._standing.party(party).active for party in terms.party_ids):
            raise PartyUnavailable
        paid = _paid_by(item.party_id, terms.legs)
        for money in paid:
            self._limits.require(item.by, money.currency)
            self._limits.check_decision(item.by, money, now)
        transfers = [
            Transfer(
                wallets[leg.debtor_id, leg.money.currency],
                wallets[leg.creditor_id, leg.money.currency],
                leg.money.amount_minor,
            )
            for leg in terms.legs
        ]
        group = Group(transfers=transfers, subject_kind="settlement", subject_id=settlement.id, event_id=event_id)
        told = self._posting.post(group, at=now)
        for money in paid:
            self._limits.count(item.by, money, now)
        return told

    def _tell(
        self, settlement: _Settlement, item: Order, event_id: UUID, transfers: list[dict[str, Any]], at: datetime
    ) -> None:
        public_id = identifiers.show("set", settlement.id)
        terms = settlement.terms
        data: dict[str, Any] = {
            "settlement": public_id,
            "asker": identifiers.show("par", terms.asker_id),
            "legs": [
                {
                    "debtor": identifiers.show("par", leg.debtor_id),
                    "creditor": identifiers.show("par", leg.creditor_id),
                    "amount": leg.money.document(),
                }
                for leg in terms.legs
            ],
            **item.by.key_mark,
        }
        if transfers:
            data["transfers"] = transfers
        log.record(
            NewEvent(
                event_id=event_id,
                stream=public_id,
                version=terms.version,
                type=f"paysettle.settlement.{terms.state.value}.v1",
                actor=item.by.actor,
                party=item.by.party,
                data=data,
                request_id=item.request_id,
                at=at,
            )
        )


def _paid_by(party_id: UUID, legs: Iterable[Leg]) -> list[Money]:
    """Return what a party pays in all, one amount for each currency."""
    sums: dict[str, int] = {}
    for leg in legs:
        if leg.debtor_id == party_id:
            sums[leg.money.currency] = sums.get(leg.money.currency, 0) + leg.money.amount_minor
    return [Money(amount_minor, currency) for currency, amount_minor in sorted(sums.items())]


def _lock(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, _Settlement]:
    """Lock settlements in id order and read their legs and moves."""
    keys = {settlement_id.bytes for settlement_id in ids}
    rows = tx.fetch_in(_SETTLEMENTS + tx.for_update, keys)
    legs: dict[bytes, list[Leg]] = {}
    for leg_id, settlement, debtor, creditor, amount_minor, currency in tx.fetch_in(_LEGS, keys):
        legs.setdefault(bytes(settlement), []).append(_leg(leg_id, debtor, creditor, amount_minor, currency))
    moves: dict[bytes, list[Move]] = {}
    asked_by: dict[bytes, UUID] = {}
    for settlement, version, party, user, what, reason, at in tx.fetch_in(
        "SELECT settlement_id, version, party_id, user_id, what, reason, at FROM settlements_move"
        " WHERE settlement_id IN ({values}) ORDER BY settlement_id, version",
        keys,
    ):
        move = Move(version, identifiers.from_bytes(party), Verb(what), reason, parse_time(at))
        moves.setdefault(bytes(settlement), []).append(move)
        asked_by.setdefault(bytes(settlement), identifiers.from_bytes(user))  # by the first move, which is the request
    found = {}
    for id_, asker, state, version in rows:
        key = bytes(id_)
        terms = Terms(identifiers.from_bytes(asker), asked_by[key], tuple(legs[key]), State(state), version)
        settlement_id = identifiers.from_bytes(key)
        found[settlement_id] = _Settlement(settlement_id, terms, moves[key], version)
    return found


_SETTLEMENTS = (
    "SELECT id, asker_id, state, version FROM settlements_settlement{by_key} WHERE id IN ({values}) ORDER BY id"
)
_LEGS = (
    "SELECT id, settlement_id, debtor_id, creditor_id, amount_minor, currency FROM settlements_leg"
    " WHERE settlement_id IN ({values}) ORDER BY settlement_id, id"
)


def _leg(leg_id: bytes, debtor: bytes, creditor: bytes, amount_minor: int, currency: str) -> Leg:
    id_, debtor_id, creditor_id = (identifiers.from_bytes(value) for value in (leg_id, debtor, creditor))
    return Leg(id_, debtor_id, creditor_id, Money(amount_minor, currency))


move_settlement = MoveSettlement()
