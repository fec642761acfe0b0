"""Django's settings; all that differs between deployments comes from `core.environment`."""

import os
from datetime import timedelta

from core.environment import CHECKOUT, read_environment
from core.logs import logging_of
from core.production import fit_for_use

ENVIRONMENT = fit_for_use(read_environment(os.environ))

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
    "axes",
    "ninja",
    "realtime",
    "core.accounts",
    "core.notifications",
    "core.catalogue",
    "core.stock",
    "core.quotes",
    "core.orders",
    "core.payments",
    "core.demo",
    "core.pages",
]

MIDDLEWARE = [
    "core.probes.probes",
    "django.middleware.security.SecurityMiddleware",
    "core.security.content_security_policy",
    "core.static_files.StaticFiles",
    "core.problems.say_problems",
    "core.bodies.check_requests",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # the last: answers in place of a sign-in that comes too often
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
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
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

# Guessing at passwords: django-axes asks before each sign-in, `core.accounts.throttle` counts and decides.

AXES_HANDLER = "core.accounts.throttle.Throttle"
AXES_CLIENT_IP_CALLABLE = "core.accounts.address.client_address"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"], "ip_address"]
AXES_LOCKOUT_CALLABLE = "core.accounts.views.come_again"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_COOLOFF_TIME = timedelta(minutes=5)
AXES_ENABLE_ADMIN = False  # `core.accounts.admin` shows what is kept
AXES_VERBOSE = False

# Security

ORIGINS = ENVIRONMENT.origins
CSRF_TRUSTED_ORIGINS = ENVIRONMENT.origins
CSRF_COOKIE_SECURE = SESSION_COOKIE_SECURE = ENVIRONMENT.https
SECURE_SSL_REDIRECT = ENVIRONMENT.https
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if ENVIRONMENT.https else 0
BEHIND_PROXY = ENVIRONMENT.behind_proxy  # `consumers.proxy` then puts what the proxy says into the ASGI scope
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
WHITENOISE_AUTOREFRESH = STATIC_ROOT is None  # a file that is edited has another length than at the start
WHITENOISE_MAX_AGE = 0
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Language, time, logs

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING = logging_of(level=ENVIRONMENT.log_level, output=ENVIRONMENT.log_format)
