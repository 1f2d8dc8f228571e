"""Telling people, as a Django application."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "paysettle.notifications"
    label = "notifications"

    def ready(self) -> None:
        """Listen to the log."""
        from paysettle.events import consumers
        from paysettle.notifications.consumer import INBOX

        consumers.register(INBOX)
