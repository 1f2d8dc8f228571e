"""Telling people, as a Django application."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "paysettle.notifications"
    label = "notifications"

    def ready(self) -> None:
        """Listen to the log, and forget what was sent."""
        from paysettle.events import consumers
        from paysettle.kernel import jobs
        from paysettle.notifications import retention
        from paysettle.notifications.consumer import INBOX

        consumers.register(INBOX)
        jobs.register(retention.FORGET_SENT_MAIL)
