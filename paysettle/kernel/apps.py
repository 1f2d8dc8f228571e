"""The kernel as a Django application: it owns the table of idempotency keys and keeps insert-only tables so."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class KernelConfig(AppConfig):
    name = "paysettle.kernel"
    label = "kernel"

    def ready(self) -> None:
        """Put the triggers back after every migrate: a table rebuild on SQLite drops them silently."""
        from paysettle.kernel import insert_only, jobs, retention, throttles

        jobs.register(retention.FORGET_OLD_ANSWERS, throttles.FORGET_ENDED)
        post_migrate.connect(insert_only.install_after_migrate, dispatch_uid="kernel.insert_only")
