"""What the verifier said."""

from django.contrib import admin
from django.utils.safestring import SafeString

from paysettle.dashboard import show
from paysettle.dashboard.filters import (
    SinceFilter,
)
from paysettle.dashboard.models import VerifierRun
from paysettle.dashboard.read_only import ReadOnlyAdmin
from paysettle.dashboard.registry import related
from paysettle.dashboard.show import Table
from paysettle.identity.roles import StaffPermission


@admin.register(VerifierRun)
class VerifierRunAdmin(ReadOnlyAdmin):
    """What the verifier said."""

    name = "Verifications"
    needs = StaffPermission.MONEY_READ
    list_display = ("began", "verdict", "checks_count", "seen_count", "findings_count")
    list_filter = (SinceFilter,)
    fields = ("began", "ended", "verdict", "checks_count", "seen_count", "findings_count", "asked_by")
    search_fields = ()
    time_field = "began_at"

    def label(self, record: VerifierRun) -> str:
        return str(record)

    def tables(self, record: VerifierRun) -> list[Table]:
        return [Table("Findings", ["Finding"], [[line] for line in record.findings.splitlines()])]

    @admin.display(description="began (UTC)")
    def began(self, run: VerifierRun) -> str:
        return show.moment(run.began_at)

    @admin.display(description="ended (UTC)")
    def ended(self, run: VerifierRun) -> str:
        return show.moment(run.ended_at)

    @admin.display(description="verdict")
    def verdict(self, run: VerifierRun) -> SafeString:
        return show.state("right" if run.right else "wrong")

    @admin.display(description="asked by")
    def asked_by(self, run: VerifierRun) -> str:
        return related.actor(run.actor)
