"""The settlements slice as a Django application."""

from django.apps import AppConfig


class SettlementsConfig(AppConfig):
    name = "paysettle.settlements"
    label = "settlements"

    def ready(self) -> None:
        """Add what the verifier asks of settlements."""
        from paysettle.ledger import verify
        from paysettle.settlements import checks

        verify.register(*checks.CHECKS)
