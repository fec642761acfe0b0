"""Django's settings; all that differs between deployments comes from `core.environment`."""

import os

from core.environment import CHECKOUT, read_environment
from core.logs import logging_of

ENVIRONMENT = read_environment(os.environ)

SECRET_KEY = ENVIRONMENT.secret_key
DEBUG = ENVIRONMENT.debug
ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "realtime",
    "core.accounts",
    "core.catalogue",
    "core.stock",
    "core.orders",
    "core.demo",
    "core.pages",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "core.security.content_security_policy",
    "core.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "core.urls"
ASGI_APPLICATION = "asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [CHECKOUT / "core" / "templates"],
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

# Servers

DATABASE = ENVIRONMENT.database
DATABASE["OPTIONS"] = {
    "connect_timeout": 5,
    "application_name": "tideline-web",
    # The kernel's defaults keep the locks of a vanished host for over two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    **DATABASE.get("OPTIONS", {}),
}
DATABASES = {"default": DATABASE}

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [ENVIRONMENT.redis_url or "redis://127.0.0.1:1"], "prefix": ENVIRONMENT.deployment},
    },
}

REALTIME = {
    "deployment": ENVIRONMENT.deployment,
    "identity": "core.accounts.identity.SessionIdentities",
}

# People

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "sign-in"
SESSION_ENGINE = "django.contrib.sessions.backends.db"  # signing out must end live sessions: a signed cookie can't
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"

# Security

ORIGINS = ENVIRONMENT.origins
CSRF_TRUSTED_ORIGINS = ENVIRONMENT.origins
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = ENVIRONMENT.https
SECURE_SSL_REDIRECT = ENVIRONMENT.https and ENVIRONMENT.behind_proxy
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if ENVIRONMENT.https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.behind_proxy else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]  # asked for inside, past the proxy
X_FRAME_OPTIONS = "DENY"
# Whether other subdomains are https alone too, and browsers shall know so for good, is for the domain's owner to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Static files: plain ES modules import each other by name, so names carry no hash and files are revalidated.

STATIC_URL = "/static/"
STATIC_ROOT = ENVIRONMENT.static_root
STATICFILES_DIRS = [CHECKOUT / "core" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_MAX_AGE = 0
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Language, time, logs

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING = logging_of(level=ENVIRONMENT.log_level, output=ENVIRONMENT.log_format)
