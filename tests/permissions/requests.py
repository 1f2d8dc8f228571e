"""A good request for each operation of the API that asks for a permission, as a member of a company would send it.

Each makes the objects that it needs: what comes first cannot spoil what comes after. What can be written into an
object (notes, references, reasons, names) holds the world's canary, so that it is seen wherever it should not be.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core import mail

from paysettle.identity import roles
from paysettle.identity.models import AddressChange, ApiKey, LookUp
from paysettle.identity.operations import address_changes, invitations, sessions
from paysettle.identity.roles import Permission, Role
from paysettle.kernel import identifiers
from tests import working
from tests.approvals import approve, limit, policy
from tests.companies import Company, company, new_handle, send
from tests.people import Person, pay, person

MONEY = {"amount": 1, "currency": "EUR"}
LARGE = 5_000
TOKEN_LENGTH = 43


@dataclass(frozen=True, slots=True)
class World:
    """A company with money, its owner acting for it, and ben, with whom it has to do.

    `sender` is who will send the request: the owner, or a member in another role. Where a person acts for themself,
    `owner` is that person. `canary` is a word that stands in whatever is private.
    """

    company: Company
    owner: Person
    ben: Person
    sender: Person
    canary: str


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    method: str
    path: str
    body: Any = None
    if_match: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        return {"If-Match": self.if_match} if self.if_match else {}


def after(_made: object, request: Request) -> Request:
    """Return a request for which something had to be made first."""
    return request


def made(by: Person, path: str, body: dict[str, Any]) -> str:
    """Let somebody make something, and return its id."""
    reply = send(by, "POST", f"/api/v1/{path}", body)
    assert reply.status < 300, reply.text
    return str(reply.document["id"])


def _secret_order(world: World, payee: Person) -> dict[str, Any]:
    canary = world.canary
    return {
        "payee": payee.handle,
        "amount": {"amount": 3, "currency": "EUR"},
        "note": f"note {canary}",
        "reference": f"reference {canary}",
        "metadata": {"told": canary},
    }


def _held(world: World) -> str:
    order = {**_secret_order(world, world.owner), "capture": "later"}
    return f"/api/v1/payments/{made(world.ben, 'payments', order)}"


def pending(world: World, maker: Person) -> str:
    """Let a member order what others must approve."""
    limit(world.company, maker, per_payment=0)
    return f"/api/v1/payments/{pay(maker, world.ben, 1).document()['id']}"


def _ordered(world: World) -> str:
    """Let somebody new order it, so that whoever asks may decide."""
    return pending(world, world.company.join(person("paula"), Role.PAYER))


def _approved_twice(world: World) -> str:
    """Let somebody order what three others must approve, and two of them do it."""
    firm = world.company
    policy(firm, (LARGE, 3))
    path = f"/api/v1/payments/{pay(firm.join(person('paula'), Role.PAYER), world.ben, LARGE).document()['id']}"
    for _ in range(2):
        approve(firm.join(person("abel"), Role.APPROVER), path.rpartition("/")[2])
    return path


def _policy(world: World) -> str:
    return f"{world.company.path}/approval-policy"


def _etag(world: World, path: str) -> str:
    return send(world.owner, "GET", path).headers["ETag"]


def _received(world: World) -> str:
    """Let the company receive a payment, give two parts of it back, and return its address."""
    payment = made(world.ben, "payments", _secret_order(world, world.owner))
    for _ in range(2):
        made(world.owner, f"payments/{payment}/refunds", {"amount": MONEY, "reason": f"reason {world.canary}"})
    return f"/api/v1/payments/{payment}"


def _sent(world: World) -> str:
    """Let the company pay, and return the idempotency key."""
    key = f"key-{secrets.token_hex(8)}"
    order = _secret_order(world, world.ben)
    assert send(world.owner, "POST", "/api/v1/payments", order, **{"Idempotency-Key": key}).status == 201
    return key


def _asked(world: World, *, by: Person | None = None) -> str:
    """Let ben ask the company for money, or somebody of the company ask ben."""
    debtor = world.ben if by else world.owner
    body = {"debtor": debtor.handle, "amount": MONEY, "reason": f"reason {world.canary}"}
    return f"/api/v1/settlements/{made(by or world.ben, 'settlements', body)}"


def _asked_with_key(world: World) -> str:
    """Let the company ask ben for money, and return the idempotency key."""
    key = f"key-{secrets.token_hex(8)}"
    body = {"debtor": world.ben.handle, "amount": MONEY, "reason": f"reason {world.canary}"}
    assert send(world.owner, "POST", "/api/v1/settlements", body, **{"Idempotency-Key": key}).status == 201
    return key


def _refunded_with_key(world: World, *, path: str) -> str:
    """Let the company refund a part at a path, and return the idempotency key."""
    key = f"key-{secrets.token_hex(8)}"
    assert send(world.owner, "POST", path, {"amount": MONEY}, **{"Idempotency-Key": key}).status == 201
    return key


def _batch_with_key(world: World) -> str:
    """Let the company send a batch, and return the idempotency key."""
    key = f"key-{secrets.token_hex(8)}"
    body = {"items": [_line(world)]}
    assert send(world.owner, "POST", "/api/v1/payment-batches", body, **{"Idempotency-Key": key}).status == 200
    return key


def _account(world: World) -> str:
    return f"/api/v1/accounts/{send(world.owner, 'GET', '/api/v1/accounts').document['data'][0]['id']}"


def _batch(world: World) -> str:
    lines = [{"key": secrets.token_hex(8), **_secret_order(world, world.ben)} for _ in range(2)]
    return f"/api/v1/payment-batches/{made(world.owner, 'payment-batches', {'items': lines})}"


def _entry(world: World) -> str:
    pay(world.ben, world.owner, 1)
    working.catch_up("dispatch")
    return str(send(world.owner, "GET", "/api/v1/inbox").document["data"][0]["id"])


def _order(world: World) -> dict[str, Any]:
    return {"payee": world.ben.handle, "amount": MONEY}


def _line(world: World) -> dict[str, Any]:
    return {"key": secrets.token_hex(8), **_order(world)}


def _member(world: World) -> str:
    """Let somebody join and return the id of their membership."""
    firm, somebody = world.company, person("cleo")
    firm.join(somebody, Role.VIEWER)
    return identifiers.show("mem", firm.member(somebody).id)


def _member_path(world: World) -> str:
    return f"{world.company.path}/members/{_member(world)}"


def _limited(world: World) -> str:
    """Let somebody join who is limited, and return their path."""
    somebody = world.company.join(person("cleo"), Role.PAYER)
    limit(world.company, somebody, per_payment=100)
    return f"{world.company.path}/members/{identifiers.show('mem', world.company.member(somebody).id)}"


def _invitation(world: World) -> str:
    body = {"email": f"{secrets.token_hex(8)}@example.org", "role": "payer"}
    reply = send(world.company.acted_for_by(world.company.owner), "POST", f"{world.company.path}/invitations", body)
    return f"{world.company.path}/invitations/{reply.document['id']}"


def _token(world: World) -> str:
    """Invite the sender to another company and return what came by mail."""
    other = company(person("ines"))
    by = other.acted_for_by(other.owner).caller
    invitations.make(by=by, email=world.sender.email, role=Role.VIEWER)
    return next(line for line in str(mail.outbox[-1].body).splitlines() if len(line) == TOKEN_LENGTH)


def _session(world: World) -> str:
    """Let the sender be signed in on another device."""
    other = sessions.begin(world.sender.user, secrets.token_hex(16))
    return f"/api/v1/me/sessions/{identifiers.show('ses', other.id)}"


def _address(world: World) -> dict[str, str]:
    """Return a new address, as if nobody had asked for one in the last minutes."""
    AddressChange.objects.all().delete()
    return {"email": f"{world.canary}-{secrets.token_hex(4)}@example.org"}


def _codes(world: World) -> dict[str, str]:
    """Let the sender ask for another address, and return what came by mail to both."""
    said = _address(world)
    address_changes.ask(by=world.sender.caller, email=said["email"])
    old, new = (str(message.body) for message in mail.outbox[-2:])
    return {**said, "code_from_old": CODE.findall(old)[0], "code_from_new": CODE.findall(new)[0]}


def _withdrawable(world: World) -> str:
    """Let the sender order what waits for others; in a role that may not pay, somebody else."""
    role = Role(world.company.roles()[world.sender.user.username])
    if not roles.allows(role, Permission.PAY):
        return _ordered(world)
    path = pending(world, world.sender)
    limit(world.company, world.sender)  # what comes next is not limited
    return path


def filters(world: World, name: str, path: str) -> dict[str, str]:
    """Return a value for each query parameter there is: one with which the list there finds what the company has."""
    made_with_key: dict[str, Callable[[World], str]] = {
        "list_payment_batches": _batch_with_key,
        "list_refunds": partial(_refunded_with_key, path=path),
        "list_settlements": _asked_with_key,
    }
    return {
        "counterparty": world.ben.handle,
        "idempotency_key": made_with_key.get(name, _sent)(world),
        "reference": f"reference {world.canary}",
        "cursor": "",  # taken from the owner's own list, see Attack
        "limit": "1",
        "unread": "true",
        "state": "completed",
        "currency": "EUR",
        "amount__gte": "1",
        "amount__lte": "1000",
        "created_at__gte": "2020-01-01T00:00:00Z",
        "created_at__lt": "2999-01-01T00:00:00Z",
        "from": "2020-01-01T00:00:00Z",
        "to": "2999-01-01T00:00:00Z",
        "at": "2999-01-01T00:00:00Z",
    }


def _key(world: World) -> str:
    made = send(world.owner, "POST", "/api/v1/api-keys", {"name": "a machine", "scopes": ["payment.read"]})
    return f"/api/v1/api-keys/{made.document['id']}"


def _two_keys(world: World) -> list[str]:
    """Let the company have two keys if it has fewer: a party may have so many at most."""
    there = ApiKey.objects.filter(party_id=world.owner.party_id).count()
    return [_key(world) for _ in range(there, 2)]


def _contact(world: World) -> str:
    """Keep somebody and return the address of the contact."""
    LookUp.objects.filter(user=world.owner.user).delete()  # so many in an hour are too many
    made = send(world.owner, "POST", "/api/v1/contacts", {"party": person("cleo").handle})
    return f"/api/v1/contacts/{made.document['id']}"


CODE = re.compile(r"^([A-Z0-9]{4}-?[A-Z0-9]{4})\s*$", re.MULTILINE)


REQUESTS: dict[str, Callable[[World], Request]] = {
    "me": lambda _: Request("GET", "/api/v1/me"),
    "get_profile": lambda _: Request("GET", "/api/v1/me/profile"),
    "change_profile": lambda _: Request("POST", "/api/v1/me/profile", {"name": "Olga"}),
    "find_payee": lambda world: Request("POST", "/api/v1/payees/find", {"handle": world.ben.handle}),
    "verify_payee": lambda world: Request("POST", "/api/v1/payees/verify", {"payee": world.ben.handle, "name": "Ben"}),
    "list_contacts": lambda world: after([_contact(world)], Request("GET", "/api/v1/contacts")),
    "keep_contact": lambda _: Request("POST", "/api/v1/contacts", {"party": person("cleo").handle}),
    "get_contact": lambda world: Request("GET", _contact(world)),
    "rename_contact": lambda world: Request("POST", f"{_contact(world)}/rename", {"name": "Cleo"}),
    "block_contact": lambda world: Request("POST", f"{_contact(world)}/block"),
    "unblock_contact": lambda world: Request("POST", f"{_contact(world)}/unblock"),
    "remove_contact": lambda world: Request("POST", f"{_contact(world)}/remove"),
    "list_sessions": lambda world: after([_session(world)], Request("GET", "/api/v1/me/sessions")),
    "end_other_sessions": lambda _: Request("POST", "/api/v1/me/sessions/end-others"),
    "list_organisations": lambda world: after([company(world.sender)], Request("GET", "/api/v1/organisations")),
    "create_organisation": lambda _: Request(
        "POST", "/api/v1/organisations", {"handle": new_handle(), "legal_name": "Firm", "country": "PT"}
    ),
    "get_organisation": lambda world: Request("GET", world.company.path),
    "leave_organisation": lambda world: Request("POST", f"{world.company.path}/leave"),
    "hand_over_organisation": lambda world: Request(
        "POST", f"{world.company.path}/hand-over", {"member": _member(world)}
    ),
    "accept_invitation": lambda world: Request("POST", "/api/v1/invitations/accept", {"token": _token(world)}),
    "change_registration": lambda world: Request(
        "POST", f"{world.company.path}/registration", {"legal_name": f"Firm {world.canary}", "country": "PT"}
    ),
    "close_organisation": lambda world: Request("POST", f"{world.company.path}/close"),
    "close_account": lambda _: Request("POST", "/api/v1/me/close"),
    "list_members": lambda world: after([_member(world)], Request("GET", f"{world.company.path}/members")),
    "change_member_role": lambda world: Request("POST", f"{_member_path(world)}/role", {"role": "payer"}),
    "remove_member": lambda world: Request("POST", f"{_member_path(world)}/remove"),
    "list_member_limits": lambda world: Request("GET", f"{_limited(world)}/limits"),
    "set_member_limit": lambda world: Request(
        "POST", f"{_member_path(world)}/limits", {"currency": "EUR", "per_payment": 100, "per_day": 1000}
    ),
    "get_approval_policy": lambda world: Request("GET", _policy(world)),
    "set_approval_policy": lambda world: Request(
        "POST",
        _policy(world),
        {"time_zone": "UTC", "rules": [{"from": {"amount": 10 * LARGE, "currency": "EUR"}, "approvers": 2}]},
        if_match=_etag(world, _policy(world)),
    ),
    "list_invitations": lambda world: after([_invitation(world)], Request("GET", f"{world.company.path}/invitations")),
    "invite_member": lambda world: Request(
        "POST",
        f"{world.company.path}/invitations",
        {"email": f"{secrets.token_hex(8)}@example.org", "role": "payer"},
    ),
    "revoke_invitation": lambda world: Request("POST", f"{_invitation(world)}/revoke"),
    "list_api_keys": lambda world: after(_two_keys(world), Request("GET", "/api/v1/api-keys")),
    "create_api_key": lambda _: Request("POST", "/api/v1/api-keys", {"name": "a machine", "scopes": ["pay"]}),
    "get_api_key": lambda world: Request("GET", _key(world)),
    "rotate_api_key": lambda world: Request("POST", f"{_key(world)}/rotate"),
    "revoke_api_key": lambda world: Request("POST", f"{_key(world)}/revoke"),
    "name_session": lambda world: Request("POST", f"{_session(world)}/name", {"name": "my old phone"}),
    "end_session": lambda world: Request("POST", f"{_session(world)}/end"),
    "change_address": lambda world: Request("POST", "/api/v1/me/address", _address(world)),
    "confirm_address": lambda world: Request("POST", "/api/v1/me/address/confirm", _codes(world)),
    "list_accounts": lambda _: Request("GET", "/api/v1/accounts"),
    "get_balance": lambda world: Request("GET", f"{_account(world)}/balance"),
    "get_statement": lambda world: Request("GET", f"{_account(world)}/statement"),
    "list_inbox": lambda world: after([_entry(world)], Request("GET", "/api/v1/inbox")),
    "mark_inbox_entry_read": lambda world: Request("POST", f"/api/v1/inbox/{_entry(world)}/read"),
    "mark_inbox_read": lambda world: Request("POST", "/api/v1/inbox/read", {"up_to": _entry(world)}),
    "create_payment_batch": lambda world: Request("POST", "/api/v1/payment-batches", {"items": [_line(world)]}),
    "list_payment_batches": lambda world: after([_batch(world)], Request("GET", "/api/v1/payment-batches")),
    "get_payment_batch": lambda world: Request("GET", _batch(world)),
    "list_payment_batch_items": lambda world: Request("GET", f"{_batch(world)}/items"),
    "list_payments": lambda world: after([_sent(world)], Request("GET", "/api/v1/payments")),
    "create_payment": lambda world: Request("POST", "/api/v1/payments", _order(world)),
    "preview_payment": lambda world: Request("POST", "/api/v1/payments/preview", _order(world)),
    "get_payment": lambda world: Request("GET", _received(world)),
    "withdraw_payment": lambda world: Request("POST", f"{_withdrawable(world)}/withdraw"),
    "approve_payment": lambda world: Request("POST", f"{_ordered(world)}/approve"),
    "list_payment_approvals": lambda world: Request("GET", f"{_approved_twice(world)}/approvals"),
    "reject_payment": lambda world: Request("POST", f"{_ordered(world)}/reject"),
    "capture_payment": lambda world: Request("POST", f"{_held(world)}/captures", {"final": True}),
    "release_payment": lambda world: Request("POST", f"{_held(world)}/release"),
    "list_refunds": lambda world: Request("GET", f"{_received(world)}/refunds"),
    "refund_payment": lambda world: Request("POST", f"{_received(world)}/refunds", {"amount": MONEY}),
    "list_settlements": lambda world: after([_asked(world)], Request("GET", "/api/v1/settlements")),
    "get_settlement": lambda world: Request("GET", _asked(world)),
    "request_settlement": lambda world: Request(
        "POST", "/api/v1/settlements", {"debtor": world.ben.handle, "amount": MONEY, "reason": "dinner"}
    ),
    "approve_settlement": lambda world: Request("POST", f"{_asked(world)}/approve", if_match='"1"'),
    "reject_settlement": lambda world: Request("POST", f"{_asked(world)}/reject"),
    "withdraw_settlement": lambda world: Request("POST", f"{_asked(world, by=world.owner)}/withdraw"),
}
