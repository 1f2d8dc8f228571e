"""What stands under a record: the rows of other tables that belong to it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from paysettle.dashboard import show
from paysettle.dashboard.show import Table
from paysettle.identity import queries as identity
from paysettle.identity.limits import read_rules
from paysettle.identity.models import (
    AdminAction,
    ApprovalPolicy,
    Contact,
    Invitation,
    MemberLimit,
    Membership,
    User,
)
from paysettle.identity.roles import StaffPermission
from paysettle.kernel import identifiers
from paysettle.ledger import queries as ledger
from paysettle.ledger.models import Account, Entry, HoldMove, Transfer
from paysettle.payments import queries as payments
from paysettle.payments.models import PaymentApproval, Refund
from paysettle.payments.operations.bulk import ITEMS_MAX

SHOWN_MAX = 50
"""How many related rows a page shows of a kind that may have many."""


def wallets(owner_id: UUID) -> Table:
    """Return the wallets of a party."""
    return Table(
        "Wallets",
        ["Account", "Booked", "Held", "Available", "State"],
        [
            [
                show.record(Account(id=wallet.account_id), identifiers.show("acc", wallet.account_id)),
                show.amount(wallet.booked.amount_minor, wallet.booked.currency),
                show.amount(wallet.held.amount_minor, wallet.held.currency),
                show.amount(wallet.available.amount_minor, wallet.available.currency),
                show.state(wallet.state),
            ]
            for wallet in ledger.wallets(owner_id)
        ],
        needs=StaffPermission.MONEY_READ,
    )


def lines(account: Account) -> Table:
    """Return the last lines of an account."""
    # By time and sequence, which one key holds: ordered by sequence alone MySQL reads the whole history.
    by_time = Entry.objects.filter(account_id=account.id).order_by("-booked_at", "-sequence")
    last = by_time.select_related("transfer")[:SHOWN_MAX]
    return Table(
        "Last lines",
        ["Line", "Booked (UTC)", "Transfer", "Amount", "Balance after"],
        [
            [
                str(line.sequence),
                show.moment(line.booked_at),
                show.record(line.transfer, identifiers.show("tra", line.transfer_id)),
                show.amount(line.amount_minor, account.currency),
                show.amount(line.balance_after_minor, account.currency),
            ]
            for line in last
        ],
        empty="No money has moved.",
        needs=StaffPermission.MONEY_READ,
    )


def transfers(subject_id: UUID) -> Table:
    """Return the movements that were booked for a payment, a settlement or a treasury move."""
    transfers = Transfer.objects.filter(subject_id=subject_id).order_by("id")
    return Table(
        "Transfers",
        ["Transfer", "Booked (UTC)", "Amount"],
        [
            [
                show.record(transfer, identifiers.show("tra", transfer.id)),
                show.moment(transfer.booked_at),
                show.amount(transfer.amount_minor, transfer.currency),
            ]
            for transfer in transfers
        ],
        empty="No money has moved.",
    )


def hold(hold_id: UUID | None, currency: str) -> Table:
    """Return the steps of the hold of a payment."""
    steps = HoldMove.objects.filter(hold_id=hold_id).order_by("n") if hold_id else HoldMove.objects.none()
    return Table(
        "Hold",
        ["Step", "What", "Amount", "Time (UTC)"],
        [
            [str(step.n), show.state(step.kind), show.amount(step.amount_minor, currency), show.moment(step.at)]
            for step in steps
        ],
        empty="No money was held.",
    )


def approvals(payment_id: UUID) -> Table:
    """Return who decided what about a payment that waited for approval."""
    found = PaymentApproval.objects.filter(payment_id=payment_id).order_by("id")
    return Table(
        "Approvals",
        ["Person", "Decision", "Time (UTC)"],
        [
            [actor(identifiers.show("usr", one.person_id)), show.state(one.decision), show.moment(one.created_at)]
            for one in found
        ],
        empty="Nobody had to approve, or has yet.",
    )


def refunds(payment_id: UUID, currency: str) -> Table:
    """Return the refunds of a payment."""
    return Table(
        "Refunds",
        ["Refund", "Amount", "Reason", "Time (UTC)"],
        [
            [
                show.record(refund, identifiers.show("ref", refund.id)),
                show.amount(refund.amount_minor, currency),
                refund.reason or show.NONE,
                show.moment(refund.created_at),
            ]
            for refund in Refund.objects.filter(payment_id=payment_id).order_by("id")[:SHOWN_MAX]
        ],
    )


def batch_items(batch_id: UUID) -> Table:
    """Return the first items of a batch, the refused ones before the others."""
    items = payments.batch_items(batch_id, after=-1, limit=ITEMS_MAX)
    items.sort(key=lambda item: -(item["status"] or 0))
    return Table(
        f"Items (up to {SHOWN_MAX})",
        ["Number", "Key", "Status", "Outcome"],
        [
            [str(item["n"]), show.code(item["key"]), str(item["status"] or show.NONE), _outcome(item)]
            for item in items[:SHOWN_MAX]
        ],
    )


def _outcome(item: dict[str, Any]) -> str:
    problem = item["problem"]
    if problem is not None:
        return f"{problem['code']}: {problem['detail']}"
    return show.NONE if item["payment"] is None else show.code(item["payment"])


def live_sessions(person: User) -> Table:
    """Return where a person is signed in."""
    return Table(
        "Live sessions",
        ["Session", "Device", "Name", "Began (UTC)", "Last seen (UTC)", "Expires (UTC)"],
        [
            [
                show.public_id("ses", session.id),
                session.device,
                session.name or show.NONE,
                show.moment(session.created_at),
                show.moment(session.last_seen_at),
                show.moment(session.expires_at),
            ]
            for session in identity.live_sessions_of(person.id).order_by("-id")[:SHOWN_MAX]
        ],
    )


def api_keys(party_id: UUID) -> Table:
    """Return the API keys of a party, the newest first."""
    return Table(
        "API keys",
        ["Key", "Name", "Made by", "Scopes", "Networks", "Last use (UTC)", "Expires (UTC)", "Revoked (UTC)"],
        [
            [
                show.public_id("key", key.id),
                key.name,
                show.record(key.made_by, key.made_by.username),
                key.scopes,
                key.networks or show.NONE,
                show.moment(key.last_used_at),
                show.moment(key.expires_at),
                show.moment(key.revoked_at),
            ]
            for key in identity.api_keys_of(party_id).order_by("-created_at", "-id")[:SHOWN_MAX]
        ],
    )


def contacts(party_id: UUID) -> Table:
    """Return whom a party keeps in its list or keeps away, the newest first; the names it gave them are its own."""
    found = Contact.objects.filter(owner_id=party_id).select_related("party").order_by("-created_at", "-id")
    return Table(
        "Contacts",
        ["Party", "State", "Since"],
        [
            [
                show.record(contact.party, contact.party.handle),
                show.state("blocked" if contact.is_blocked else "kept"),
                show.moment(contact.created_at),
            ]
            for contact in found[:SHOWN_MAX]
        ],
        needs=StaffPermission.AUDIT_READ,
    )


def limits(party_id: UUID) -> Table:
    """Return what the members of an organisation may send alone, and what they have on the last day they did."""

    def amount(limit: MemberLimit, amount_minor: int | None) -> str:
        return show.NONE if amount_minor is None else show.amount(amount_minor, limit.currency)

    found = MemberLimit.objects.filter(party_id=party_id).select_related("user").order_by("user_id", "currency")
    return Table(
        "Limits of members",
        ["Person", "Per payment", "Per day", "Sent alone", "On"],
        [
            [
                show.record(limit.user, limit.user.username),
                amount(limit, limit.per_payment_minor),
                amount(limit, limit.per_day_minor),
                amount(limit, limit.spent_minor),
                show.NONE if limit.spent_day is None else limit.spent_day.isoformat(),
            ]
            for limit in found[:SHOWN_MAX]
        ],
        needs=StaffPermission.MONEY_READ,
    )


def approval_rules(party_id: UUID) -> Table:
    """Return from which amount on how many must approve the payments of an organisation."""
    policy = ApprovalPolicy.objects.filter(party_id=party_id).first()
    return Table(
        f"Approval rules ({policy.time_zone if policy else 'UTC'})",
        ["From", "Approvers"],
        [
            [show.amount(rule.from_minor, rule.currency), str(rule.approvers)]
            for rule in (read_rules(policy.rules) if policy else ())
        ],
        needs=StaffPermission.MONEY_READ,
    )


def members(party_id: UUID) -> Table:
    """Return the people who act for a party."""
    found = Membership.objects.filter(party_id=party_id).select_related("user").order_by("id")
    return Table(
        "People who act for it",
        ["Person", "Role", "State", "Since"],
        [
            [
                show.record(member.user, member.user.username),
                member.role,
                show.state("active" if member.user.is_active else "disabled"),
                show.moment(member.created_at),
            ]
            for member in found[:SHOWN_MAX]
        ],
    )


def invitations(party_id: UUID) -> Table:
    """Return the newest invitations of an organisation; the addresses they went to are not kept."""
    found = Invitation.objects.filter(organisation_id=party_id).select_related("made_by").order_by("-id")
    return Table(
        "Invitations",
        ["Invitation", "Role", "State", "By", "Made (UTC)", "Expires (UTC)"],
        [
            [
                show.public_id("inv", invitation.id),
                invitation.role,
                show.state(invitation.state),
                show.record(invitation.made_by, invitation.made_by.username),
                show.moment(invitation.created_at),
                show.moment(invitation.expires_at),
            ]
            for invitation in found[:SHOWN_MAX]
        ],
    )


def admin_actions(subject_id: UUID) -> Table:
    """Return what staff did to a person or a party, and why."""
    taken = list(AdminAction.objects.filter(subject_id=subject_id).order_by("-id")[:SHOWN_MAX])
    who = actors_by_id(action.actor for action in taken)
    return Table(
        "What staff did",
        ["Time (UTC)", "What", "By", "Reason"],
        [
            [show.moment(action.created_at), show.state(action.verb), who[action.actor], action.reason]
            for action in taken
        ],
        empty="Nothing.",
    )


def actor(name: str) -> str:
    """Return a link to the person that `usr_…` names, or the text itself (an operator, the system)."""
    return actors_by_id([name])[name]


def actors_by_id(names: Iterable[str]) -> dict[str, str]:
    """Return what `actor` returns, for many, with one query."""
    named = {name: name for name in names}
    ids = [identifiers.parse("usr", name) for name in named if name.startswith("usr_")]
    for person in User.objects.filter(id__in=ids):
        named[identifiers.show("usr", person.id)] = show.record(person, person.username)
    return named
