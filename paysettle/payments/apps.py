"""The payments slice as a Django application."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "paysettle.payments"
    label = "payments"

    def ready(self) -> None:
        """Add the types of events, what the verifier asks of payments, and the jobs."""
        from paysettle.kernel import jobs
        from paysettle.ledger import verify
        from paysettle.payments import acknowledged, checks, event_types  # noqa: F401 - these register when loaded
        from paysettle.payments.operations import expiry

        verify.register(*checks.CHECKS)
        verify.register_client_log(acknowledged.check)
        jobs.register(expiry.EXPIRE_HOLDS)
