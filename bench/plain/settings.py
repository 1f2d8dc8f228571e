"""Settings of the plain view: those of the product, with the applications that a payment needs and no middleware."""

from config.settings import *  # noqa: F403 - all settings, by their names

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "paysettle.kernel",
    "paysettle.events",
    "bench.plain.apps.People",
    "paysettle.ledger",
    "paysettle.payments",
]
MIDDLEWARE: list[str] = []  # type: ignore[no-redef]
ROOT_URLCONF = "bench.plain.urls"
DATABASES["default"]["CONN_MAX_AGE"] = None  # noqa: F405 - a thread keeps its connection
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["bench.plain.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}
