"""The settlements slice as a Django application."""

from django.apps import AppConfig


class SettlementsConfig(AppConfig):
    name = "paysettle.settlements"
    label = "settlements"

    def ready(self) -> None:
        """Add the types of events, and what the verifier asks of settlements."""
        from paysettle.ledger import verify
        from paysettle.settlements import checks, event_types  # noqa: F401 - these register when they are loaded

        verify.register(*checks.CHECKS)
