"""The kernel's tables: idempotency keys, scheduled jobs and the counters of throttles."""

from django.db import models

from paysettle.kernel.fields import DigestField, IdField, NullableIdField


class IdempotencyKey(models.Model):
    """One answered request: written with its effect, read by its twins (`kernel/idempotency.py`)."""

    # The digest comes first: a batch looks up the keys of many parties by their digests alone.
    pk = models.CompositePrimaryKey("digest", "party_id", "operation")
    party_id = IdField()
    operation = models.CharField(max_length=40)
    digest = DigestField()
    fingerprint = DigestField()
    success = models.BooleanField()
    status = models.PositiveSmallIntegerField()
    object_id = NullableIdField()
    answer = models.TextField(null=True)  # noqa: DJ001 - null once it has been dropped
    request_id = models.CharField(max_length=128)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "kernel_idempotency_key"
        indexes = [models.Index(fields=["created_at"], name="kernel_key_by_age")]


class ScheduledJob(models.Model):
    """When a job is due, and who has claimed it until when (`kernel/jobs.py`).

    `reached_at` is up to which moment a job has come that goes through what is old.
    """

    name = models.CharField(max_length=60, primary_key=True)
    next_run_at = models.DateTimeField()
    token = models.BigIntegerField(default=0)
    held_until = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=80, default="")
    last_done_at = models.DateTimeField(null=True)
    reached_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "kernel_scheduled_job"


class Throttle(models.Model):
    """How often something was done in one window of time, by whom a keyed digest says (`kernel/throttles.py`)."""

    digest = DigestField(primary_key=True)
    used = models.PositiveIntegerField()
    ends_at = models.DateTimeField()

    class Meta:
        db_table = "kernel_throttle"
        indexes = [models.Index(fields=["ends_at"], name="kernel_throttle_by_end")]
