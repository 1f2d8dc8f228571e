"""A good request for each operation of the API that asks for a permission, as a member of a company would send it.

Each makes the objects that it needs: what comes first cannot spoil what comes after.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paysettle.commands import worker
from paysettle.identity.roles import Role
from paysettle.kernel import identifiers
from tests.companies import Company, new_handle, send
from tests.moves import authorise
from tests.people import Person, pay, person
from tests.settle import ask

MONEY = {"amount": 1, "currency": "EUR"}


@dataclass(frozen=True, slots=True)
class World:
    """A company with money, its owner acting for it, and ben, with whom it has to do."""

    company: Company
    owner: Person
    ben: Person


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    method: str
    path: str
    body: Any = None
    if_match: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        return {"If-Match": '"1"'} if self.if_match else {}


def _held(world: World) -> str:
    return f"/api/v1/payments/{authorise(world.ben, world.owner, 2).document()['id']}"


def _received(world: World) -> str:
    return f"/api/v1/payments/{pay(world.ben, world.owner, 2).document()['id']}"


def _asked(world: World, *, by_company: bool = False) -> str:
    asker, debtor = (world.owner, world.ben) if by_company else (world.ben, world.owner)
    return f"/api/v1/settlements/{ask(asker, debtor, 1).document()['id']}"


def _account(world: World) -> str:
    return f"/api/v1/accounts/{send(world.owner, 'GET', '/api/v1/accounts').document['data'][0]['id']}"


def _batch(world: World) -> str:
    made = send(world.owner, "POST", "/api/v1/payment-batches", {"items": [_line(world)]})
    return f"/api/v1/payment-batches/{made.document['id']}"


def _entry(world: World) -> str:
    pay(world.ben, world.owner, 1)
    worker.run_until_idle(60, ["dispatch"])
    return str(send(world.owner, "GET", "/api/v1/inbox").document["data"][0]["id"])


def _order(world: World) -> dict[str, Any]:
    return {"payee": world.ben.handle, "amount": MONEY}


def _line(world: World) -> dict[str, Any]:
    return {"key": secrets.token_hex(8), **_order(world)}


def _member(world: World) -> str:
    """Let somebody join and return the address of their membership."""
    firm, somebody = world.company, person("cleo")
    firm.join(somebody, Role.VIEWER)
    return f"{firm.path}/members/{identifiers.show('mem', firm.member(somebody).id)}"


def _invitation(world: World) -> str:
    body = {"email": f"{secrets.token_hex(8)}@example.org", "role": "payer"}
    made = send(world.owner, "POST", f"{world.company.path}/invitations", body)
    return f"{world.company.path}/invitations/{made.document['id']}"


REQUESTS: dict[str, Callable[[World], Request]] = {
    "me": lambda _: Request("GET", "/api/v1/me"),
    "list_sessions": lambda _: Request("GET", "/api/v1/me/sessions"),
    "end_other_sessions": lambda _: Request("POST", "/api/v1/me/sessions/end-others"),
    "list_organisations": lambda _: Request("GET", "/api/v1/organisations"),
    "create_organisation": lambda _: Request(
        "POST", "/api/v1/organisations", {"handle": new_handle(), "legal_name": "Firm", "country": "PT"}
    ),
    "get_organisation": lambda world: Request("GET", world.company.path),
    "list_members": lambda world: Request("GET", f"{world.company.path}/members"),
    "change_member_role": lambda world: Request("POST", f"{_member(world)}/role", {"role": "payer"}),
    "remove_member": lambda world: Request("POST", f"{_member(world)}/remove"),
    "list_invitations": lambda world: Request("GET", f"{world.company.path}/invitations"),
    "invite_member": lambda world: Request(
        "POST",
        f"{world.company.path}/invitations",
        {"email": f"{secrets.token_hex(8)}@example.org", "role": "payer"},
    ),
    "revoke_invitation": lambda world: Request("POST", f"{_invitation(world)}/revoke"),
    "list_accounts": lambda _: Request("GET", "/api/v1/accounts"),
    "get_balance": lambda world: Request("GET", f"{_account(world)}/balance"),
    "get_statement": lambda world: Request("GET", f"{_account(world)}/statement"),
    "list_inbox": lambda _: Request("GET", "/api/v1/inbox"),
    "mark_inbox_entry_read": lambda world: Request("POST", f"/api/v1/inbox/{_entry(world)}/read"),
    "mark_inbox_read": lambda world: Request("POST", "/api/v1/inbox/read", {"up_to": _entry(world)}),
    "create_payment_batch": lambda world: Request("POST", "/api/v1/payment-batches", {"items": [_line(world)]}),
    "get_payment_batch": lambda world: Request("GET", _batch(world)),
    "list_payment_batch_items": lambda world: Request("GET", f"{_batch(world)}/items"),
    "list_payments": lambda _: Request("GET", "/api/v1/payments"),
    "create_payment": lambda world: Request("POST", "/api/v1/payments", _order(world)),
    "preview_payment": lambda world: Request("POST", "/api/v1/payments/preview", _order(world)),
    "get_payment": lambda world: Request("GET", _received(world)),
    "capture_payment": lambda world: Request("POST", f"{_held(world)}/captures", {"final": True}),
    "release_payment": lambda world: Request("POST", f"{_held(world)}/release"),
    "list_refunds": lambda world: Request("GET", f"{_received(world)}/refunds"),
    "refund_payment": lambda world: Request("POST", f"{_received(world)}/refunds", {"amount": MONEY}),
    "list_settlements": lambda _: Request("GET", "/api/v1/settlements"),
    "get_settlement": lambda world: Request("GET", _asked(world)),
    "request_settlement": lambda world: Request(
        "POST", "/api/v1/settlements", {"debtor": world.ben.handle, "amount": MONEY, "reason": "dinner"}
    ),
    "approve_settlement": lambda world: Request("POST", f"{_asked(world)}/approve", if_match=True),
    "reject_settlement": lambda world: Request("POST", f"{_asked(world)}/reject"),
    "withdraw_settlement": lambda world: Request("POST", f"{_asked(world, by_company=True)}/withdraw"),
}
