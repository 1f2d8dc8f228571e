"""What people are told: an inbox for every party, and the messages that leave by e-mail.

An entry holds ids and amounts, never names: those are looked up when it is read.
"""

from django.db import models

from paysettle.identity.models import Party, User
from paysettle.kernel.fields import IdField, PrimaryIdField
from paysettle.notifications.kinds import Kind


class InboxEntry(models.Model):
    """Something a party is told, once for each event and kind."""

    id = PrimaryIdField()
    recipient = models.ForeignKey(Party, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    kind = models.CharField(max_length=30, choices=[(kind.value, kind.value) for kind in Kind])
    data = models.TextField()
    event_id = IdField()
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "notifications_inbox_entry"
        verbose_name_plural = "inbox entries"
        constraints = [
            models.UniqueConstraint(fields=["recipient", "event_id", "kind"], name="notifications_told_once")
        ]
        indexes = [models.Index(fields=["recipient", "created_at", "id"], name="notifications_inbox_by_time")]


class MailState(models.TextChoices):
    """What became of a message."""

    WAITING = "waiting"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"


class OutgoingMail(models.Model):
    """One entry that goes to one person by e-mail.

    `attempts` counts the claims of a sender and is its fencing token; a claimed message becomes due again at
    `next_attempt_at`, so that one whose sender died is sent by another.
    """

    id = PrimaryIdField()
    entry = models.ForeignKey(InboxEntry, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    user = models.ForeignKey(User, models.PROTECT, db_constraint=False, db_index=False, related_name="+")
    state = models.CharField(max_length=10, choices=MailState.choices, default=MailState.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=80, default="", blank=True)

    class Meta:
        db_table = "notifications_outgoing_mail"
        constraints = [models.UniqueConstraint(fields=["entry", "user"], name="notifications_mailed_once")]
        indexes = [models.Index(fields=["state", "next_attempt_at", "id"], name="notifications_mail_due")]
