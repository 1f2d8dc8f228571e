"""What staff can have done here and nowhere else: run the verifier and keep what it said."""

from datetime import UTC, datetime

from django.core.cache import cache

from paysettle.dashboard.models import VerifierRun
from paysettle.identity.caller import Caller
from paysettle.identity.operations import recording
from paysettle.identity.roles import StaffPermission
from paysettle.kernel import transactions
from paysettle.kernel.errors import DomainError
from paysettle.ledger import verify

FINDINGS_KEPT_MAX = 100

_RUNNING = "dashboard.verifier.running"
_RUNNING_S = 3600  # a process that died while verifying blocks the next run no longer than this


class VerificationRunning(DomainError):
    """The verifier reads everything: one run at a time is enough."""

    code = "verification_running"
    status = 409
    title = "The verifier is already running: wait for its verdict."
    retryable = True


def verify_now(*, by: Caller) -> VerifierRun:
    """Run the verifier over the whole database and keep its verdict.

    Raises StaffOnly, StaffNotPermitted, VerificationRunning.
    """
    recording.need_staff(by, StaffPermission.BOOKS_VERIFY)
    if not cache.add(_RUNNING, by.actor, timeout=_RUNNING_S):
        raise VerificationRunning
    try:
        began_at = datetime.now(UTC)
        report = verify.verify()
        run = VerifierRun(
            actor=by.actor,
            began_at=began_at,
            ended_at=datetime.now(UTC),
            checks_count=len(report.results),
            seen_count=sum(result.seen for result in report.results),
            findings_count=len(report.findings),
            findings="\n".join(report.findings[:FINDINGS_KEPT_MAX]),
        )
        transactions.run(lambda _tx: run.save(force_insert=True))
    finally:
        cache.delete(_RUNNING)
    return run
