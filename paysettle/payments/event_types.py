"""The events of payments, of the treasury, and of wallets that staff close."""

from paysettle.events.catalogue import BY_KEY, MONEY, TIME, describe, identifier, one_of
from paysettle.identity.limit_rules import Reason
from paysettle.ledger.event_types import TRANSFERS
from paysettle.payments.lifecycle import UNAPPROVED, State

_SIDES = {"payment": identifier("pay"), "payer": identifier("par"), "payee": identifier("par")}
_MADE = {**_SIDES, "amount": MONEY, "transfers": TRANSFERS, **BY_KEY}
_MOVED = {**_SIDES, "amount": MONEY, "state": one_of(*(set(State) - UNAPPROVED)), "transfers": TRANSFERS, **BY_KEY}
_DECIDED = {**_MOVED, "state": one_of(*State), "made_by": identifier("usr")}
_OPTIONAL = tuple(BY_KEY)

describe("paysettle.payment.completed.v1", "A payment was made at once.", _MADE, optional=_OPTIONAL)
describe(
    "paysettle.payment.authorised.v1",
    "The amount is on hold for the payee until `expires_at`; nothing has moved yet.",
    {**_MADE, "expires_at": TIME},
    optional=_OPTIONAL,
)
describe(
    "paysettle.payment.captured.v1",
    "A part of what is on hold, or all of it, went to the payee.",
    _MOVED,
    optional=_OPTIONAL,
)
describe("paysettle.payment.released.v1", "The payee gave back what was left on hold.", _MOVED, optional=_OPTIONAL)
describe(
    "paysettle.payment.expired.v1",
    "What was left on hold at the deadline went back to the payer.",
    _MOVED,
    optional=_OPTIONAL,
)
describe(
    "paysettle.payment.approval_requested.v1",
    "The amount is on hold until others of the payer's organisation decide, or `expires_at`. The payee is not told.",
    {
        **_SIDES,
        "amount": MONEY,
        "transfers": TRANSFERS,
        "expires_at": TIME,
        "made_by": identifier("usr"),
        "approvers": {"type": "integer", "minimum": 1},
        "reason": one_of(*Reason),
        **BY_KEY,
    },
    optional=_OPTIONAL,
)
describe(
    "paysettle.payment.approved.v1",
    "One more person approved this amount; with the last that was needed it is completed, or authorised from then on.",
    _DECIDED,
    optional=_OPTIONAL,
)
describe(
    "paysettle.payment.rejected.v1",
    "Somebody refused to approve; the money is free again.",
    _DECIDED,
    optional=_OPTIONAL,
)
describe("paysettle.payment.withdrawn.v1", "Its maker took it back while it waited.", _DECIDED, optional=_OPTIONAL)
describe(
    "paysettle.payment.lapsed.v1", "Nobody approved in time; the money is free again.", _DECIDED, optional=_OPTIONAL
)
describe(
    "paysettle.payment.refunded.v1",
    "The payee gave money back, a part or all of it.",
    {**_MOVED, "refund": identifier("ref")},
    optional=_OPTIONAL,
)

_TREASURY = {"treasury_move": identifier("trs"), "party": identifier("par"), "amount": MONEY, "transfers": TRANSFERS}

describe("paysettle.treasury.deposit.v1", "Money came in from outside for a party.", _TREASURY)
describe("paysettle.treasury.withdrawal.v1", "Money of a party left the system.", _TREASURY)

describe("paysettle.account.frozen.v1", "Staff keep an account out of all transfers for now.", {})
describe("paysettle.account.reopened.v1", "Staff let an account take part again.", {})
describe("paysettle.account.closed.v1", "An empty account was closed, by staff or by its owner.", {})
