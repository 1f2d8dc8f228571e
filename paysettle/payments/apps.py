"""The payments slice as a Django application."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "paysettle.payments"
    label = "payments"

    def ready(self) -> None:
        """Add what the verifier asks of payments."""
        from paysettle.ledger import verify
        from paysettle.payments import checks

        verify.register(*checks.CHECKS)
