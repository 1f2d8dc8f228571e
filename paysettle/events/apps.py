"""The event log as a Django application."""

from django.apps import AppConfig

from paysettle.kernel import transactions


class EventsConfig(AppConfig):
    name = "paysettle.events"
    label = "events"

    def ready(self) -> None:
        """Let every transaction end by writing the events it collected."""
        from paysettle.events import log

        transactions.set_last_step(log.write_last)
