"""The event log as a Django application."""

from django.apps import AppConfig

from paysettle.kernel import transactions


class EventsConfig(AppConfig):
    name = "paysettle.events"
    label = "events"

    def ready(self) -> None:
        """Let every transaction end by writing the events it collected."""
        from paysettle.events import log, retention
        from paysettle.kernel import jobs

        jobs.register(retention.FORGET_CONSUMED)
        transactions.set_last_step(log.write_last)
