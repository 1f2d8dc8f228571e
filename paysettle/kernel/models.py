"""The kernel's one table: idempotency keys."""

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
    answer = models.TextField()
    request_id = models.CharField(max_length=128)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "kernel_idempotency_key"
