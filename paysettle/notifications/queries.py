"""Questions about the inbox and about messages that leave."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from paysettle.identity.models import Membership
from paysettle.identity.roles import Role
from paysettle.notifications import documents
from paysettle.notifications.models import InboxEntry, MailState, OutgoingMail


def inbox_of(party_id: UUID) -> "QuerySet[InboxEntry]":
    """Return what a party has been told."""
    return InboxEntry.objects.filter(recipient_id=party_id)


def unread_of(party_id: UUID) -> "QuerySet[InboxEntry]":
    """Return what a party has been told and has not read."""
    return inbox_of(party_id).filter(read_at=None)


def entry_documents(entries: Iterable[InboxEntry]) -> list[dict[str, Any]]:
    """Return the documents of entries, with the names of today."""
    return documents.entries(list(entries))


def members_of(party_ids: Iterable[UUID]) -> dict[UUID, list[tuple[UUID, Role]]]:
    """Return the people who act for each party, and in which role: the notice tells who of them gets it by e-mail."""
    found: dict[UUID, list[tuple[UUID, Role]]] = {}
    rows = Membership.objects.filter(party_id__in=set(party_ids)).order_by("id")
    for party_id, user_id, role in rows.values_list("party_id", "user_id", "role"):
        found.setdefault(party_id, []).append((user_id, Role(role)))
    return found


def is_mail_due() -> bool:
    """Tell whether a message waits and its time has come, by the database's time."""
    return OutgoingMail.objects.filter(state=MailState.WAITING, next_attempt_at__lte=Now()).exists()


def due_mails(now: datetime, *, limit: int) -> list[OutgoingMail]:
    """Return messages that wait and whose time has come, the longest waiting first."""
    rows = OutgoingMail.objects.filter(state=MailState.WAITING, next_attempt_at__lte=now)
    return list(rows.order_by("next_attempt_at", "id")[:limit])


def mail_counts() -> dict[str, int]:
    """Return how many messages wait and how many have failed for good: for the dashboard."""
    return {
        "waiting": OutgoingMail.objects.filter(state=MailState.WAITING).count(),
        "failed": OutgoingMail.objects.filter(state=MailState.FAILED).count(),
    }
