"""The payments slice as a Django application."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "paysettle.payments"
    label = "payments"

    def ready(self) -> None:
        """Add the types of events, what the verifier asks of payments, what ends with an account, and the jobs."""
        from paysettle.identity import closing as accounts_closing
        from paysettle.identity import standing
        from paysettle.kernel import jobs
        from paysettle.ledger import accounts, verify
        from paysettle.payments import acknowledged, checks, closing, event_types  # noqa: F401 - registers when loaded
        from paysettle.payments.operations import expiry

        verify.register(*checks.CHECKS, subjects=checks.SUBJECTS)
        verify.register_client_log(acknowledged.check)
        accounts.set_hold_owners(standing.hold)
        accounts_closing.register(closing.PART)
        jobs.register(expiry.EXPIRE_HOLDS)
