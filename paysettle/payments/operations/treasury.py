"""Money enters and leaves the system: an operator books it between the world and a party's wallet, with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from paysettle.events import log
from paysettle.events.log import NewEvent
from paysettle.identity.caller import Caller
from paysettle.identity.standing import Standing
from paysettle.kernel import identifiers
from paysettle.kernel.batch import Book, Operation, Success
from paysettle.kernel.idempotency import Item, fingerprint
from paysettle.kernel.identifiers import SYSTEM
from paysettle.kernel.money import Money
from paysettle.kernel.transactions import Transaction
from paysettle.ledger import accounts
from paysettle.ledger.posting import Group, Posting
from paysettle.ledger.rules import Transfer
from paysettle.payments.models import TreasuryDirection
from paysettle.payments.rules import PayeeUnavailable

REASON_LENGTH_MAX = 200

_Pair = tuple[UUID, UUID]

_COLUMNS = ("id", "direction", "party_id", "amount_minor", "currency", "reason", "operator", "created_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class TreasuryOrder(Item):
    """Let this money in for a party, or out."""

    operator: str
    direction: TreasuryDirection
    beneficiary_id: UUID
    money: Money
    reason: str


def order(
    *, operator: str, direction: TreasuryDirection, party_id: UUID, money: Money, reason: str, key: str, request_id: str
) -> TreasuryOrder:
    """Return the order of an operator, with the fingerprint of its content."""
    print_ = fingerprint(direction.value, str(party_id), money.amount_minor, money.currency, reason)
    return TreasuryOrder(
        party_id=SYSTEM,
        key=key,
        fingerprint=print_,
        request_id=request_id,
        operator=operator,
        direction=direction,
        beneficiary_id=party_id,
        money=money,
        reason=reason,
    )


class MoveTreasury(Operation[TreasuryOrder]):
    """Carries out deposits and withdrawals."""

    name = "treasury.move"
    prefix = "trs"

    def prepare(self, item: TreasuryOrder) -> _Pair:
        """Find the party's wallet and the world's account, opening those that are missing."""
        currency = item.money.currency
        return accounts.wallet(item.beneficiary_id, currency), accounts.world(currency)

    def open(self, tx: Transaction, prepared: Sequence[tuple[TreasuryOrder, _Pair]]) -> "_TreasuryBook":
        """Lock the wallets and the world's accounts."""
        return _TreasuryBook(tx, prepared)


class _TreasuryBook(Book[TreasuryOrder]):
    def __init__(self, tx: Transaction, prepared: Sequence[tuple[TreasuryOrder, _Pair]]) -> None:
        self._tx = tx
        self._pairs = {id(item): pair for item, pair in prepared}
        self._posting = Posting(tx, [account for _, pair in prepared for account in pair])
        self._standing = Standing(tx, [], {item.beneficiary_id for item, _ in prepared})
        self._moves: list[tuple[Any, ...]] = []

    def admit(self, item: TreasuryOrder) -> None:
        """The command line is the operator's: whoever reaches it may act."""

    def decide(self, item: TreasuryOrder, now: datetime) -> Success:
        move_id, event_id = identifiers.new(), identifiers.new()
        wallet, world = self._pairs[id(item)]
        self._posting.require([wallet, world])
        if self._standing.party(item.beneficiary_id).closed:
            raise PayeeUnavailable
        debit, credit = (world, wallet) if item.direction is TreasuryDirection.DEPOSIT else (wallet, world)
        told = self._posting.post(
            Group(
                transfers=[Transfer(debit, credit, item.money.amount_minor)],
                subject_kind="treasury_move",
                subject_id=move_id,
                event_id=event_id,
            ),
            at=now,
        )
        self._moves.append(
            (
                move_id.bytes,
                item.direction.value,
                item.beneficiary_id.bytes,
                item.money.amount_minor,
                item.money.currency,
                item.reason,
                item.operator,
                self._tx.time(now),
            )
        )
        caller = Caller(party_id=SYSTEM, operator=item.operator)
        public_id = identifiers.show("trs", move_id)
        party = identifiers.show("par", item.beneficiary_id)
        log.record(
            NewEvent(
                event_id=event_id,
                stream=public_id,
                version=1,
                type=f"paysettle.treasury.{item.direction.value}.v1",
                actor=caller.actor,
                party=caller.party,
                data={"treasury_move": public_id, "party": party, "amount": item.money.document(), "transfers": told},
                request_id=item.request_id,
                at=now,
            )
        )
        return Success(move_id, 201, {"id": public_id, "party": party, "amount": item.money.document()})

    def write(self) -> None:
        self._tx.insert("payments_treasury_move", _COLUMNS, self._moves)
        self._posting.write()


move_treasury = MoveTreasury()
