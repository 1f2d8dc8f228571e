"""All settings, in reading order. Every value that differs between installations comes from the environment."""

from pathlib import Path

from django.urls import reverse_lazy

from config import env, logs

try:
    import MySQLdb  # type: ignore[import-untyped]  # noqa: F401 - the optional, faster driver
except ImportError:
    import pymysql

    pymysql.install_as_MySQLdb()

BASE_DIR = Path(__file__).resolve().parent.parent

# --- What kind of installation ----------------------------------------------------------------------------------

DEMO = env.boolean("PAYSETTLE_DEMO", default=False)
DEBUG = env.boolean("DEBUG", default=False)
VAR_DIR = Path(env.text("PAYSETTLE_VAR", str(BASE_DIR / "var")))
PUBLIC_URL = env.address("PUBLIC_URL", "http://127.0.0.1:8000")

SECRET_KEY_LENGTH_MIN = 50
SECRET_KEY = env.text("SECRET_KEY", "insecure-development-key-never-for-real-money" if DEBUG or DEMO else "")
if not SECRET_KEY:
    raise env.SettingError("SECRET_KEY is not set: give 50 or more random characters, or DEBUG=1 for development.")
if len(SECRET_KEY) < SECRET_KEY_LENGTH_MIN and not (DEBUG or DEMO):
    raise env.SettingError(f"SECRET_KEY must have {SECRET_KEY_LENGTH_MIN} characters or more, not {len(SECRET_KEY)}.")

# What is encrypted at rest is sealed by the first of these and opened by any; then by a key derived from SECRET_KEY.
ENCRYPTION_KEYS = env.encryption_keys("ENCRYPTION_KEYS")

ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")

# --- What it is made of -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "paysettle.commands.apps.CommandsConfig",  # before Django: it overrides two of its commands
    "paysettle.dashboard.apps.DashboardConfig",  # before unfold: it overrides the admin's front page
    "unfold.apps.BasicAppConfig",
    "paysettle.dashboard.apps.StaffAdminConfig",  # django.contrib.admin with our site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "paysettle.kernel.apps.KernelConfig",
    "paysettle.events.apps.EventsConfig",
    "paysettle.identity.apps.IdentityConfig",
    "paysettle.ledger.apps.LedgerConfig",
    "paysettle.payments.apps.PaymentsConfig",
    "paysettle.settlements.apps.SettlementsConfig",
    "paysettle.notifications.apps.NotificationsConfig",
    "paysettle.web.apps.WebConfig",
]

MIDDLEWARE = [
    "paysettle.api.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "paysettle.web.security.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "paysettle.identity.api.ended_sessions.EndedSessions",
    "paysettle.identity.api.strict_bodies.StrictAllauthBodies",
    "paysettle.identity.api.throttled_sign_in.ThrottledSignIn",  # after it: it reads the body
]

CSRF_FAILURE_VIEW = "paysettle.api.problems.csrf_failure"
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Where it keeps things --------------------------------------------------------------------------------------

DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{VAR_DIR / 'paysettle.sqlite3'}")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # served from where the packages have them: nothing to collect, nothing to forget

# Shared by all processes: allauth notes in it which codes of second factors were used, and one verifier runs at a time.
# Among Django's 300 entries the codes of others would push one out.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "kernel_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# --- People -----------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = ["paysettle.identity.backends.PasswordBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "paysettle.identity.password_lists.CommonPasswords"},
    {"NAME": "paysettle.identity.password_lists.WordsOfThePlace"},
    {"NAME": "paysettle.identity.password_lists.BreachedPasswords"},
]
BREACHED_PASSWORDS_FILE = env.text("BREACHED_PASSWORDS_FILE", "")

SESSION_ENGINE = "paysettle.identity.session_store"  # stores the digest of a key, never the key
SESSION_LIFE_S = env.integer("SESSION_LIFE_S", 30 * 24 * 3600, least=3600, most=90 * 24 * 3600)
SESSION_IDLE_S = env.integer("SESSION_IDLE_S", 14 * 24 * 3600, least=600, most=90 * 24 * 3600)
SESSION_COOKIE_AGE = SESSION_LIFE_S
SECOND_FACTOR_FOR_ALL = env.boolean("SECOND_FACTOR_FOR_ALL", default=False)  # staff need one in any case
STEP_UP_MAX_AGE_S = env.integer("STEP_UP_MAX_AGE_S", 600, least=60, most=3600)
STEP_UP_PAYMENT_MINOR = env.integer("STEP_UP_PAYMENT_MINOR", 10**6, least=0, most=10**15)  # 0: no payment needs it
API_KEY_DAYS_MAX = env.integer("API_KEY_DAYS_MAX", 365, least=1, most=3650)
JWT_KEYS_FILE = env.text("JWT_KEYS_FILE") or str(VAR_DIR / "jwt-keys.json")

HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("app",)
# Its OpenAPI document is merged into ours; its own page would load scripts from elsewhere.
HEADLESS_SERVE_SPECIFICATION = True
HEADLESS_SPECIFICATION_TEMPLATE_NAME = None
HEADLESS_ADAPTER = "paysettle.identity.adapters.HeadlessAdapter"
HEADLESS_TOKEN_STRATEGY = "paysettle.identity.token_strategy.TokenStrategy"  # noqa: S105 - the path of a class
# Where the links in mails lead: there are no pages for people yet, the start page says where the API is.
HEADLESS_FRONTEND_URLS = {
    "account_signup": f"{PUBLIC_URL}/",
    "account_reset_password": f"{PUBLIC_URL}/",
}

ACCOUNT_ADAPTER = "paysettle.identity.adapters.AccountAdapter"
ACCOUNT_SIGNUP_FORM_CLASS = "paysettle.identity.forms.SignUpForm"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*"]
ACCOUNT_PRESERVE_USERNAME_CASING = False
# Nor anything that looks like one of these (`identity/handles.py`).
ACCOUNT_USERNAME_BLACKLIST = [
    "admin", "administrator", "billing", "help", "official", "operator", "paysettle", "root", "security", "staff",
    "support", "system", "treasury",
]  # fmt: skip
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 600
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_CHANGE_EMAIL = True  # one address for each person
ACCOUNT_REAUTHENTICATION_TIMEOUT = 0  # whether a session is fresh, `identity/step_up.py` says alone
ACCOUNT_EMAIL_NOTIFICATIONS = False  # the notices of `notifications/notices.py` tell of what changed
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""  # the default one is the Host header

MFA_ADAPTER = "paysettle.identity.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Paysettle"
MFA_RECOVERY_CODES_SHOW_ONCE = True

# How often what may be done stands in paysettle/api/throttling.py. By allauth's own limits whoever claims an address,
# or has got hold of one session, would keep its owner out.
ACCOUNT_RATE_LIMITS = False
THROTTLE_FACTOR = env.integer("THROTTLE_FACTOR", 1, least=1, most=100_000)
REDIS_URL = env.redis_url("REDIS_URL")  # empty: throttles count in the database
# Behind so many proxies of our own that add to X-Forwarded-For: limits count the address before them.
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0, least=0, most=10)

SILENCED_SYSTEM_CHECKS = [
    # MySQL and MariaDB have no conditional unique constraint. allauth's on verified addresses is replaced by
    # identity.VerifiedAddress, and a second primary address cannot be: a person has one. Second factors are added
    # under the lock of their person.
    "models.W036",
]

# --- The API ----------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["paysettle.identity.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["paysettle.api.body.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "paysettle.identity.api.schema.PermissionSchema",
    "EXCEPTION_HANDLER": "paysettle.api.problems.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["paysettle.api.throttling.NamedThrottle"],
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Paysettle",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "paysettle.api.schemas.refuse_unknown_fields",
        "paysettle.identity.api.sign_in_schema.merge",
    ],
    "ENUM_NAME_OVERRIDES": {
        "PaymentDocumentStateEnum": "paysettle.payments.api.documents.STATES",
        "BatchDocumentStateEnum": "paysettle.payments.api.documents.BATCH_STATES",
        "ApiKeyStateEnum": "paysettle.identity.documents.KEY_STATES",
        "RoleEnum": "paysettle.identity.api.documents.ROLES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
BODY_SIZE_MAX = 64 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_SIZE_MAX
REQUEST_SIZE_MAX = 16 * 1024 * 1024  # of any address; each may allow less

# --- Staff pages ------------------------------------------------------------------------------------------------


def _staff_link(title: str, icon: str, name: str, permission: str | None = None) -> dict[str, object]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}"), "permission": permission}


_PEOPLE, _MONEY, _AUDIT = (
    f"paysettle.dashboard.permissions.{name}" for name in ("sees_people", "sees_money", "sees_what_happened")
)


UNFOLD = {
    "SITE_TITLE": "Paysettle",
    "SITE_HEADER": "Paysettle",
    "SITE_SYMBOL": "sync_alt",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"/{STATIC_URL}web/icon.svg"}],
    "STYLES": [f"/{STATIC_URL}dashboard/staff.css"],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ACCOUNT": {"navigation": [{"title": "API", "link": reverse_lazy("docs")}]},
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 175)",
            "100": "oklch(95.3% .045 175)",
            "200": "oklch(91% .08 175)",
            "300": "oklch(85.5% .11 175)",
            "400": "oklch(75% .12 175)",
            "500": "oklch(60% .11 175)",
            "600": "oklch(50% .095 175)",
            "700": "oklch(46% .085 175)",
            "800": "oklch(39% .07 175)",
            "900": "oklch(34% .06 175)",
            "950": "oklch(25% .045 175)",
        },
    },
    "SIDEBAR": {
        "navigation": [
            {"items": [_staff_link("Overview", "monitoring", "index")]},
            {
                "title": "Who",
                "items": [
                    _staff_link("People", "person", "identity_user_changelist", _PEOPLE),
                    _staff_link("Parties", "groups", "identity_party_changelist", _PEOPLE),
                    _staff_link("Organisations", "domain", "identity_organisation_changelist", _PEOPLE),
                    _staff_link("Memberships", "badge", "identity_membership_changelist", _PEOPLE),
                ],
            },
            {
                "title": "Money",
                "items": [
                    _staff_link("Wallets", "account_balance_wallet", "ledger_account_changelist", _MONEY),
                    _staff_link("Payments", "payments", "payments_payment_changelist", _MONEY),
                    _staff_link("Refunds", "undo", "payments_refund_changelist", _MONEY),
                    _staff_link("Payment batches", "stacks", "payments_paymentbatch_changelist", _MONEY),
                    _staff_link("Settlements", "handshake", "settlements_settlement_changelist", _MONEY),
                    _staff_link("Transfers", "swap_horiz", "ledger_transfer_changelist", _MONEY),
                    _staff_link("Treasury moves", "account_balance", "payments_treasurymove_changelist", _MONEY),
                    _staff_link("Verifications", "verified", "dashboard_verifierrun_changelist", _MONEY),
                ],
            },
            {
                "title": "What happened",
                "items": [
                    _staff_link("Events", "history", "events_event_changelist", _AUDIT),
                    _staff_link("Look-ups", "search", "identity_lookup_changelist", _AUDIT),
                ],
            },
        ],
    },
}

# --- Language, time, transport ----------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Only a proxy of ours may say how the request reached it.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ALLAUTH_TRUSTED_PROXY_COUNT else None
_https = PUBLIC_URL.startswith("https://")
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # asked by who runs the service, from within
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https

# --- Logs -------------------------------------------------------------------------------------------------------

LOG_LEVEL = env.text("LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    raise env.SettingError(f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, not {LOG_LEVEL!r}.")
LOGGING = logs.configure(level=LOG_LEVEL)
LOGGING_SERVER = LOGGING

# --- Work -------------------------------------------------------------------------------------------------------

LANE_QUEUE_MAX = env.integer("LANE_QUEUE_MAX", 5000, least=1, most=1_000_000)
PAYMENT_APPROVAL_HOURS = env.integer("PAYMENT_APPROVAL_HOURS", 72, least=1, most=24 * 365)
LANE_DEADLINE_S = env.integer("LANE_DEADLINE_S", 10, least=1, most=120)
KAFKA_BOOTSTRAP_SERVERS = env.brokers("KAFKA_BOOTSTRAP_SERVERS")
KAFKA_TOPIC = env.kafka_name("KAFKA_TOPIC", "paysettle.events")
KAFKA_GROUP = env.kafka_name("KAFKA_GROUP", "paysettle")
KAFKA_PARTITIONS = env.integer("KAFKA_PARTITIONS", 12, least=1, most=1000)  # fixed once the topic exists
KAFKA_REPLICATION = env.integer("KAFKA_REPLICATION", 0, least=0, most=15)  # 0: what the brokers do by default
KAFKA_OPTIONS = env.pairs("KAFKA_OPTIONS")  # further options of librdkafka, security.protocol=SASL_SSL for instance
WORKER_LEASE_S = env.integer("WORKER_LEASE_S", 10, least=1, most=600)

# --- Mail -------------------------------------------------------------------------------------------------------

MAIL_DIR = VAR_DIR / "mail"
_email = env.email("EMAIL_URL", f"file://{MAIL_DIR.resolve()}" if DEBUG or DEMO else "smtp://localhost:25")
EMAIL_BACKEND = _email.backend
EMAIL_FILE_PATH = str(_email.folder or MAIL_DIR)
EMAIL_HOST = _email.host
EMAIL_PORT = _email.port
EMAIL_HOST_USER = _email.user
EMAIL_HOST_PASSWORD = _email.password
EMAIL_USE_TLS = _email.use_tls
EMAIL_USE_SSL = _email.use_ssl
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.sender("EMAIL_FROM", "Paysettle <no-reply@localhost>")
MAIL_LEASE_S = env.integer("MAIL_LEASE_S", 120, least=1, most=3600)
MAIL_ATTEMPTS_MAX = env.integer("MAIL_ATTEMPTS_MAX", 10, least=1, most=100)
