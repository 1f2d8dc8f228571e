"""The staff's pages as a Django application, and Django's admin with our site in it."""

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class DashboardConfig(AppConfig):
    name = "paysettle.dashboard"
    label = "dashboard"

    def ready(self) -> None:
        """Register what the staff may look at."""
        from paysettle.dashboard import registry  # noqa: F401 - registers when it is loaded


class StaffAdminConfig(SimpleAdminConfig):
    """Django's admin without autodiscovery: nothing is shown but what `registry.py` names."""

    default_site = "paysettle.dashboard.site.StaffSite"
