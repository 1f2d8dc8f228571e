"""Sends what is queued: at least once, each try under a claim, with patience that grows, and an end that is visible.

A message is claimed by compare-and-swap on its number of attempts. A sender that dies after the mail server took the
message and before it could say so leaves it claimed; it is sent again with the same Message-ID.
"""

import random
import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend

from paysettle.identity import queries as people
from paysettle.identity.models import User
from paysettle.kernel import transactions
from paysettle.kernel.transactions import Transaction
from paysettle.notifications import queries
from paysettle.notifications.kinds import Kind
from paysettle.notifications.mail import messages
from paysettle.notifications.models import InboxEntry, MailState, OutgoingMail

BATCH_MAX = 20
RETRY_DELAY_S = 30
RETRY_DELAY_S_MAX = 3600

_log = structlog.get_logger(__name__)


class ClaimedTooOften(Exception):
    """Every sender that claimed the message ended before it could say what became of it."""


class MailSender:
    """Sends due messages; a part of the worker. Several may run at once."""

    name = "mail"

    def step(self) -> bool:
        """Send the messages that are due; return whether there were any."""
        if not queries.is_mail_due():  # a question first: claiming takes the write lock of SQLite
            return False
        give_up_at = time.monotonic() + settings.MAIL_LEASE_S / 2
        claimed = claim()
        backend = get_connection()
        try:
            for mail in claimed:
                if time.monotonic() < give_up_at:  # the others come again when their claim ends
                    _send(backend, mail)
        finally:
            backend.close()
        return bool(claimed)

    def close(self) -> None:
        """Nothing is held between steps."""


def claim() -> list[OutgoingMail]:
    """Claim due messages; those that were claimed too often fail."""
    return transactions.run(_claim)


def _claim(tx: Transaction) -> list[OutgoingMail]:
    now = tx.read_clock()
    claimed = []
    for mail in queries.due_mails(now, limit=BATCH_MAX):
        same = OutgoingMail.objects.filter(id=mail.id, state=MailState.WAITING, attempts=mail.attempts)
        if mail.attempts >= settings.MAIL_ATTEMPTS_MAX:
            same.update(state=MailState.FAILED, last_error=ClaimedTooOften.__name__)
        elif same.update(attempts=mail.attempts + 1, next_attempt_at=now + timedelta(seconds=settings.MAIL_LEASE_S)):
            mail.attempts += 1
            claimed.append(mail)
    return claimed


def _send(backend: BaseEmailBackend, mail: OutgoingMail) -> None:
    user, entry = User.objects.get(id=mail.user_id), InboxEntry.objects.get(id=mail.entry_id)
    is_farewell = entry.kind == Kind.ACCOUNT_CLOSED  # who has closed their account cannot sign in, and is told of it
    if not (user.is_active or is_farewell) or not people.has_verified(
        user
    ):  # anybody may sign up with anybody's address
        note(mail, MailState.SKIPPED)
        return
    try:
        message = messages.message(mail, entry, user)
        backend.send_messages([message])
    except Exception as error:
        # Its type alone: the text of a mail server's refusal holds the address.
        _log.warning("mail_not_sent", mail=str(mail.id), attempts=mail.attempts, error=type(error).__name__)
        note(mail, MailState.WAITING, error=type(error).__name__)
        backend.close()  # a connection that failed is opened anew for the next message
        return
    note(mail, MailState.SENT)


def note(mail: OutgoingMail, state: MailState, *, error: str = "") -> bool:
    """Write down what became of a claimed message; False if the claim has passed to another sender."""

    def work(tx: Transaction) -> bool:
        now = tx.read_clock()
        exhausted = state is MailState.WAITING and mail.attempts >= settings.MAIL_ATTEMPTS_MAX
        delay_s = min(RETRY_DELAY_S * 2 ** (mail.attempts - 1), RETRY_DELAY_S_MAX)
        delay_s = random.uniform(delay_s / 2, delay_s)  # noqa: S311 - spreads the tries
        rows = OutgoingMail.objects.filter(id=mail.id, state=MailState.WAITING, attempts=mail.attempts)
        return bool(
            rows.update(
                state=MailState.FAILED if exhausted else state,
                sent_at=now if state is MailState.SENT else None,
                next_attempt_at=now + timedelta(seconds=delay_s),
                last_error=error,
            )
        )

    return transactions.run(work)
