"""The settlements slice as a Django application."""

from django.apps import AppConfig


class SettlementsConfig(AppConfig):
    name = "paysettle.settlements"
    label = "settlements"

    def ready(self) -> None:
        """Add the types of events, and what the verifier asks of settlements, and what keeps an account open."""
        from paysettle.identity import closing as accounts_closing
        from paysettle.ledger import verify
        from paysettle.settlements import checks, closing, event_types  # noqa: F401 - registers when it is loaded

        accounts_closing.register(closing.PART)
        verify.register(*checks.CHECKS, subjects=["settlement"])
