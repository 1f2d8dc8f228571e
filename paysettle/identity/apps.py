"""People, parties and sessions as a Django application."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """The slice of people."""

    name = "paysettle.identity"
    label = "identity"

    def ready(self) -> None:
        """Register the system checks, the types of events, the description of our access token, and the jobs."""
        from paysettle.identity import checks, event_types  # noqa: F401 - these register when they are loaded
        from paysettle.identity.api import schema  # noqa: F401
        from paysettle.identity.operations import lapsing, look_ups, refresh_tokens, sessions
        from paysettle.kernel import jobs

        jobs.register(refresh_tokens.FORGET_EXPIRED, sessions.FORGET_EXPIRED, look_ups.FORGET_OLD, lapsing.LAPSE)
