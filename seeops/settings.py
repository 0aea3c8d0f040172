"""Settings of the console. Everything that differs between places comes from the environment (see environment.py)."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from django.utils.translation import gettext_lazy as _

from seeops.environment import BASE_DIR, env, var_dir

VAR_DIR = var_dir()
SECRET_KEY = env("SEEOPS_SECRET_KEY", "not-secret-used-only-by-tests-and-build-steps")
DEBUG = False
ALLOWED_HOSTS = env("SEEOPS_HOSTS", "127.0.0.1,localhost,[::1],testserver").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in env("SEEOPS_ORIGINS", "").split(",") if origin]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "pgtrigger",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "rules",
    "seeops.core",
    "seeops.accounts",
    "seeops.cluster",
    "seeops.audit",
    "seeops.inventory",
    "seeops.topology",
    "seeops.changes",
    "seeops.monitoring",
    "seeops.automation",
    "seeops.alerts",
    "seeops.releases",
    "seeops.resilience",
    "seeops.capacity",
    "seeops.surveillance",
    "seeops.maturity",
    "seeops.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "seeops.core.middleware.SignInForPartsMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "seeops.core.middleware.RequestContextMiddleware",
    "seeops.core.middleware.SelfOnlyMiddleware",
    "seeops.core.middleware.RuleViolationMiddleware",
]

ROOT_URLCONF = "seeops.urls"
ASGI_APPLICATION = "seeops.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "seeops.console.context.shell",
            ],
            "builtins": ["django.templatetags.i18n", "seeops.core.templatetags.ui"],
        },
    }
]

# --- database -------------------------------------------------------------------------------------------------------
_database = urlsplit(env("DATABASE_URL", "postgresql://seeops:seeops@127.0.0.1:8603/seeops"))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path.lstrip("/"),
        "USER": unquote(_database.username or ""),
        "PASSWORD": unquote(_database.password or ""),
        "HOST": _database.hostname or "",
        "PORT": str(_database.port or ""),
        # Without a pool, ASGI opens one lasting connection per thread until PostgreSQL refuses.
        # Whoever waits longer for a connection is told that the database is away, and tries again.
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 12, "timeout": 5}, "connect_timeout": 5}
        if env("SEEOPS_DB_POOL", "1") == "1"
        else {},
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- broker, live stream --------------------------------------------------------------------------------------------
VALKEY_URL = env("VALKEY_URL", "redis://127.0.0.1:8604/0")
CACHES = {
    "default": {
        "BACKEND": "seeops.core.outage.ForgettingCache",
        "LOCATION": VALKEY_URL,
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}
CELERY_BROKER_URL = env("CELERY_BROKER_URL", "redis://127.0.0.1:8604/1")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "default"
# What a release needs is served by both workers: also the look at the nodes, without which they count as unknown after seconds.
CELERY_TASK_ROUTES = {
    name: {"queue": "release"}
    for name in ("seeops.releases.*", "seeops.automation.*", "seeops.inventory.nodes_observe")
}
# Redelivery after a dead worker takes 100 s with the transport's defaults; and no step is longer than the time-out.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
}
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "run" / "beat-schedule")

# --- the parts beside us --------------------------------------------------------------------------------------------
PROMETHEUS_URL = env("PROMETHEUS_URL", "http://127.0.0.1:8601")
ALERTMANAGER_URL = env("ALERTMANAGER_URL", "http://127.0.0.1:8602")
CONSOLE_URL = env("SEEOPS_CONSOLE_URL", "http://127.0.0.1:8600")
CLUSTER_ENDPOINTS = env("SEEOPS_CLUSTER", str(VAR_DIR / "cluster" / "endpoints.json"))
PACKAGES_DIR = env("SEEOPS_PACKAGES", str(VAR_DIR / "packages"))

# --- people ---------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.Person"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "console:overview"
LOGOUT_REDIRECT_URL = "login"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_NAME = env("SEEOPS_SESSION_COOKIE", "seeops_session")
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "seeops_csrf"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# --- language and time ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "seeops" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

# --- static files: bundled at set-up, served by us ------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_BUILD_DIR = VAR_DIR / "static-build"
STATICFILES_DIRS = [STATIC_BUILD_DIR] if STATIC_BUILD_DIR.is_dir() else []
_collected = (STATIC_ROOT / "staticfiles.json").is_file()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": VAR_DIR / "files"}},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _collected or env("SEEOPS_COLLECT", "0") == "1"
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- REST API -------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "seeops.accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "seeops.core.pagination.LimitPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "seeops.core.rest.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "seeops API",
    "DESCRIPTION": "The same services and permissions as the console. Authenticate with `Authorization: Token …`.",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SERVE_INCLUDE_SCHEMA": False,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "seeops.core.logs.JsonFormatter"}},
    "handlers": {"stream": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stream"], "level": env("SEEOPS_LOG_LEVEL", "INFO")},
    "loggers": {"django.server": {"level": "WARNING"}, "httpx": {"level": "WARNING"}},
}
