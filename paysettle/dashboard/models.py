"""What the verifier said when staff asked it."""

from django.db import models

from paysettle.kernel.fields import PrimaryIdField
from paysettle.kernel.insert_only import InsertOnlyModel


class VerifierRun(InsertOnlyModel):
    """One run of the verifier. `findings` holds the first of them, one a line; `findings_count` counts them all."""

    id = PrimaryIdField()
    actor = models.CharField(max_length=64)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    checks_count = models.PositiveIntegerField()
    seen_count = models.PositiveBigIntegerField()
    findings_count = models.PositiveIntegerField()
    findings = models.TextField(blank=True)

    class Meta:
        db_table = "dashboard_verifier_run"
        verbose_name = "verification"

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def right(self) -> bool:
        """Whether nothing was found wrong."""
        return self.findings_count == 0
