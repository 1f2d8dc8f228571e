"""An inbox entry as people see it: a sentence with the names of today, and the data behind it."""

import json
from collections.abc import Sequence
from typing import Any

from paysettle.identity import queries as people
from paysettle.kernel import identifiers, times
from paysettle.kernel.money import Money
from paysettle.notifications.kinds import Kind
from paysettle.notifications.models import InboxEntry

SENTENCES = {
    Kind.PAYMENT_RECEIVED: "{who} paid you {amount}",
    Kind.PAYMENT_AUTHORISED: "{who} holds {amount} for you: capture it before it expires",
    Kind.PAYMENT_CAPTURED: "{who} captured {amount} of what you hold for them",
    Kind.PAYMENT_RELEASED: "{who} released {amount} that you held for them",
    Kind.PAYMENT_EXPIRED: "The {amount} that {who} held for you have expired",
    Kind.PAYMENT_APPROVAL_REQUESTED: "{amount} to {who} wait for approval",
    Kind.PAYMENT_APPROVED: "{amount} to {who} were approved",
    Kind.PAYMENT_REJECTED: "{amount} to {who} were not approved: somebody rejected the payment",
    Kind.PAYMENT_LAPSED: "{amount} to {who} were not approved in time",
    Kind.PAYMENT_REFUNDED: "{who} refunded you {amount}",
    Kind.SETTLEMENT_REQUESTED: "{who} asks you to settle {amount}",
    Kind.SETTLEMENT_APPROVED: "{who} approved your request: {amount} is settled",
    Kind.SETTLEMENT_REJECTED: "{who} rejected your request to settle {amount}",
    Kind.SETTLEMENT_WITHDRAWN: "{who} withdrew the request to settle {amount}",
    Kind.PASSWORD_CHANGED: "The password of {who} was changed",
    Kind.ADDRESS_CHANGED: "The e-mail address of {who} was changed",
    Kind.SECOND_FACTOR_ADDED: "{who} signs in with a second factor from now on",
    Kind.SECOND_FACTOR_REMOVED: "The second factor of {who} was removed",
    Kind.RECOVERY_CODES_MADE: "New recovery codes were made for {who}; the old ones are void",
    Kind.RECOVERY_CODE_USED: "{who} signed in with a recovery code",
    Kind.SESSION_ENDED: "A session of {who} was ended, because somebody has a copy of its tokens or staff ended it",
    Kind.API_KEY_MADE: "A new API key can act for {who}: revoke it if you do not know of it",
    Kind.API_KEY_ROTATED: "An API key of {who} was replaced by a new one: revoke that if you do not know of it",
    Kind.API_KEY_REVOKED: "An API key of {who} was revoked",
    Kind.ACCOUNT_CLOSED: "The account of {who} has been closed for good",
}


def entries(rows: Sequence[InboxEntry]) -> list[dict[str, Any]]:
    """Return the documents of entries."""
    told = [(row, json.loads(row.data)) for row in rows]
    parties = {data["party"]: identifiers.parse("par", data["party"]) for _, data in told}
    handles = people.handles(parties.values())
    return [_entry(row, data, handles[parties[data["party"]]]) for row, data in told]


def _entry(row: InboxEntry, data: dict[str, Any], handle: str) -> dict[str, Any]:
    return {
        "id": identifiers.show("ntf", row.id),
        "kind": row.kind,
        "sentence": _sentence(Kind(row.kind), handle, data["amounts"]),
        "data": {
            "subject": data["subject"],
            "party": {"id": data["party"], "handle": handle},
            "amounts": data["amounts"],
        },
        "created_at": times.show(row.created_at),
        "read_at": times.show(row.read_at) if row.read_at else None,
    }


def _sentence(kind: Kind, handle: str, amounts: list[dict[str, Any]]) -> str:
    listed = " and ".join(str(Money(money["amount"], money["currency"])) for money in amounts)
    return SENTENCES[kind].format(who=handle, amount=listed)
