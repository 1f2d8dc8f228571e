"""What each role may do: one table, in plain Python.

A person has one role in each party they act for; the party that the person is has them as its owner. A permission is
named by what a person does. Every operation names the one that it needs: money asks inside the batch
(`standing.Standing`), everything else when the caller is known (`standing.check`).
"""

from enum import StrEnum


class Role(StrEnum):
    """What somebody is in a party."""

    OWNER = "owner"
    ADMIN = "admin"
    APPROVER = "approver"
    PAYER = "payer"
    VIEWER = "viewer"


class Permission(StrEnum):
    """What somebody does for a party."""

    PAY = "pay"
    CAPTURE = "capture"
    RELEASE = "release"
    REFUND = "refund"
    SETTLE_ASK = "settle.ask"
    SETTLE_DECIDE = "settle.decide"
    PAYMENT_APPROVE = "payment.approve"
    PAYMENT_READ = "payment.read"
    SETTLEMENT_READ = "settlement.read"
    STATEMENT_READ = "statement.read"
    INBOX_READ = "inbox.read"
    INBOX_MARK = "inbox.mark"
    PAYEE_FIND = "payee.find"
    CONTACTS_READ = "contacts.read"
    CONTACTS_MANAGE = "contacts.manage"
    ORGANISATION_READ = "organisation.read"
    MEMBERS_MANAGE = "members.manage"
    LIMITS_MANAGE = "limits.manage"
    OWNERS_MANAGE = "owners.manage"
    KEYS_MANAGE = "keys.manage"


_LOOK = frozenset(
    {
        Permission.PAYMENT_READ,
        Permission.SETTLEMENT_READ,
        Permission.STATEMENT_READ,
        Permission.INBOX_READ,
        Permission.CONTACTS_READ,
        Permission.ORGANISATION_READ,
    }
)

# Who pays and asks does not decide what others ask, and who decides does not pay: two people have seen such money.
TABLE: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - {Permission.OWNERS_MANAGE},
    Role.APPROVER: _LOOK | {Permission.INBOX_MARK, Permission.SETTLE_DECIDE, Permission.PAYMENT_APPROVE},
    Role.PAYER: _LOOK
    | {
        Permission.INBOX_MARK,
        Permission.PAY,
        Permission.CAPTURE,
        Permission.RELEASE,
        Permission.REFUND,
        Permission.SETTLE_ASK,
        Permission.PAYEE_FIND,
        Permission.CONTACTS_MANAGE,
    },
    Role.VIEWER: _LOOK,
}

FOR_KEYS = frozenset(
    {
        Permission.PAY,
        Permission.CAPTURE,
        Permission.RELEASE,
        Permission.REFUND,
        Permission.SETTLE_ASK,
        Permission.SETTLE_DECIDE,
        Permission.PAYMENT_READ,
        Permission.SETTLEMENT_READ,
        Permission.STATEMENT_READ,
        Permission.INBOX_READ,
        Permission.INBOX_MARK,
        Permission.ORGANISATION_READ,
    }
)
"""What an API key may be given as a scope: named one by one, so that what is new is nobody's scope by accident.

Never who belongs to a party, never credentials: a key that was stolen must not be able to make others.
"""

MAILED = frozenset({Role.OWNER, Role.ADMIN})
"""Who gets a party's notices by e-mail; the others find them in its inbox."""

APPROVERS = frozenset(role for role in Role if Permission.PAYMENT_APPROVE in TABLE[role])
"""Who is told by e-mail that a payment waits for approval."""


def needed_to_touch(*held: Role) -> Permission:
    """Return what it takes to give, change or take these roles: owners are touched by owners alone."""
    return Permission.OWNERS_MANAGE if Role.OWNER in held else Permission.MEMBERS_MANAGE


def allows(role: Role, permission: Permission) -> bool:
    """Tell whether somebody with this role may do this."""
    return permission in TABLE[role]
