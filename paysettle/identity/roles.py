"""What each role may do: one table, in plain Python.

A person has one role in each party they act for; the party that the person is has them as its owner: that is what a
customer is. A permission is named by what a person does. Every operation names the one that it needs: money asks inside
the batch (`standing.Standing`), everything else when the caller is known (`standing.check`).

A member of staff has one staff role besides. It opens the staff's pages and nothing of the API; every page and every
operation of staff names the staff permission that it needs (`operations/recording.check_staff`).
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


class StaffRole(StrEnum):
    """What a member of staff is."""

    SUPPORT = "support"
    RISK_REVIEWER = "risk_reviewer"
    FINANCE_OPERATOR = "finance_operator"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class StaffPermission(StrEnum):
    """What a member of staff does."""

    PEOPLE_READ = "people.read"
    MONEY_READ = "money.read"
    AUDIT_READ = "audit.read"
    SESSIONS_END = "sessions.end"
    PERSON_DISABLE = "person.disable"
    PARTY_DISABLE = "party.disable"
    WALLET_FREEZE = "wallet.freeze"
    WALLET_CLOSE = "wallet.close"
    BOOKS_VERIFY = "books.verify"
    STAFF_MANAGE = "staff.manage"


_READ_ALL = frozenset({StaffPermission.PEOPLE_READ, StaffPermission.MONEY_READ})

# Support helps people and sees no amount; the auditor sees everything and changes nothing.
STAFF_TABLE: dict[StaffRole, frozenset[StaffPermission]] = {
    StaffRole.SUPPORT: frozenset({StaffPermission.PEOPLE_READ, StaffPermission.SESSIONS_END}),
    StaffRole.RISK_REVIEWER: _READ_ALL
    | {
        StaffPermission.AUDIT_READ,
        StaffPermission.SESSIONS_END,
        StaffPermission.PERSON_DISABLE,
        StaffPermission.PARTY_DISABLE,
        StaffPermission.WALLET_FREEZE,
    },
    StaffRole.FINANCE_OPERATOR: _READ_ALL
    | {StaffPermission.WALLET_FREEZE, StaffPermission.WALLET_CLOSE, StaffPermission.BOOKS_VERIFY},
    StaffRole.ADMINISTRATOR: frozenset(StaffPermission),
    StaffRole.AUDITOR: _READ_ALL | {StaffPermission.AUDIT_READ},
}


def staff_allows(role: str, permission: StaffPermission) -> bool:
    """Tell whether a staff role, or "" for who is no staff, is enough for this."""
    return bool(role) and permission in STAFF_TABLE[StaffRole(role)]
