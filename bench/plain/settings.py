"""Settings of the plain view: the product's database and keys, and nothing that a payment does not need."""

from config.settings import (  # noqa: F401 - settings are taken from here by their names
    ALLOWED_HOSTS,
    AUTH_USER_MODEL,
    BODY_SIZE_MAX,
    DATABASES,
    DEBUG,
    DEFAULT_AUTO_FIELD,
    DEMO,
    JWT_KEYS_FILE,
    LANE_DEADLINE_S,
    LANE_QUEUE_MAX,
    PUBLIC_URL,
    SECRET_KEY,
    TIME_ZONE,
    USE_TZ,
)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "paysettle.kernel",
    "paysettle.events",
    "paysettle.identity",
    "paysettle.ledger",
    "paysettle.payments",
]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "bench.plain.urls"
DATABASES["default"]["CONN_MAX_AGE"] = None
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["bench.plain.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}
