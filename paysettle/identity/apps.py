"""People, parties and sessions as a Django application."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """The slice of people."""

    name = "paysettle.identity"
    label = "identity"

    def ready(self) -> None:
        """Register the system checks and the description of our access token."""
        from paysettle.identity import checks  # noqa: F401 - both register when they are loaded
        from paysettle.identity.api import schema  # noqa: F401
