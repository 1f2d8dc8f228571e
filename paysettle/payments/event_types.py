"""The events of payments, of the treasury, and of wallets that staff close."""

from paysettle.events.catalogue import MONEY, TIME, describe, identifier, one_of
from paysettle.ledger.event_types import TRANSFERS
from paysettle.payments.lifecycle import State

_SIDES = {"payment": identifier("pay"), "payer": identifier("par"), "payee": identifier("par")}
_MOVED = {**_SIDES, "amount": MONEY, "state": one_of(*State), "transfers": TRANSFERS}

describe(
    "paysettle.payment.completed.v1", "A payment was made at once.", {**_SIDES, "amount": MONEY, "transfers": TRANSFERS}
)
describe(
    "paysettle.payment.authorised.v1",
    "The amount is on hold for the payee until `expires_at`; nothing has moved yet.",
    {**_SIDES, "amount": MONEY, "transfers": TRANSFERS, "expires_at": TIME},
)
describe("paysettle.payment.captured.v1", "A part of what is on hold, or all of it, went to the payee.", _MOVED)
describe("paysettle.payment.released.v1", "The payee gave back what was left on hold.", _MOVED)
describe("paysettle.payment.expired.v1", "What was left on hold at the deadline went back to the payer.", _MOVED)
describe(
    "paysettle.payment.refunded.v1",
    "The payee gave money back, a part or all of it.",
    {**_MOVED, "refund": identifier("ref")},
)

_TREASURY = {"treasury_move": identifier("trs"), "party": identifier("par"), "amount": MONEY, "transfers": TRANSFERS}

describe("paysettle.treasury.deposit.v1", "Money came in from outside for a party.", _TREASURY)
describe("paysettle.treasury.withdrawal.v1", "Money of a party left the system.", _TREASURY)

describe("paysettle.account.frozen.v1", "Staff keep an account out of all transfers for now.", {})
describe("paysettle.account.reopened.v1", "Staff let an account take part again.", {})
describe("paysettle.account.closed.v1", "An empty account was closed, by staff or by its owner.", {})
