"""What a production installation is refused for at start-up, and what to do about each.

Production is a given `DATABASE_URL` without `DEMO` (`Environment.production`). Everything else is development, on
published passwords and keys: it is refused where the environment says that it is served to others. A network of
one's own without TLS is possible and must be said: `ALLOW_HTTP=1`.
"""

from collections.abc import Iterator

from django.core.exceptions import ImproperlyConfigured

from core.environment import DEVELOPMENT_KEY, Environment

SECRET_CHARACTERS = 50
DIFFERENT_CHARACTERS = 8
"""Fewer are not in one of ten million random texts of 50, digits alone included."""

REPEATED_CHARACTERS = 8
"""A run of so many comes twice in one of 100,000 random texts of 50 digits, and hardly ever in others."""

MAKE_ONE = "make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'"


def fit_for_use(environment: Environment) -> Environment:
    """Return the environment; raise ImproperlyConfigured with one line for each thing that makes it unfit."""
    if found := list(refusals(environment)):
        raise ImproperlyConfigured("\n".join(found))
    return environment


def refusals(environment: Environment) -> Iterator[str]:
    """Yield a line for each reason not to start: the variable, what is wrong with it, what to do."""
    if environment.production:
        yield from _of_debug(environment)
        yield from _of_secret(environment.secret_key)
        yield from _of_servers(environment)
        yield from _of_hosts(environment)
        yield from _of_transport(environment)
    else:
        yield from _of_development(environment)


def _of_debug(environment: Environment) -> Iterator[str]:
    if environment.debug:
        yield "DEBUG is on, and error pages would show sources and settings: take it away, or set DEMO=1 for a demo"


def _of_secret(secret: str) -> Iterator[str]:
    if weakness := weakness_of(secret):
        yield f"SECRET_KEY {weakness}: {MAKE_ONE}"


def weakness_of(secret: str) -> str | None:
    """Return what is wrong with a secret key, without showing it, or None."""
    if not secret:
        return "is not set"
    if secret == DEVELOPMENT_KEY or secret.startswith("django-insecure-"):
        return "is a published one"
    if len(secret) < SECRET_CHARACTERS:
        return f"has {len(secret)} characters, fewer than {SECRET_CHARACTERS}"
    if (different := len(set(secret))) < DIFFERENT_CHARACTERS:
        return f"has {different} different characters, fewer than {DIFFERENT_CHARACTERS}"
    runs = [secret[at : at + REPEATED_CHARACTERS] for at in range(len(secret) - REPEATED_CHARACTERS + 1)]
    return "repeats itself" if len(set(runs)) < len(runs) else None


def _of_servers(environment: Environment) -> Iterator[str]:
    if environment.redis_url is None:
        yield "REDIS_URL is not set: name the Redis or Valkey that server and relay share, as redis://host:6379/0"


def _of_hosts(environment: Environment) -> Iterator[str]:
    if not environment.allowed_hosts:
        yield "ORIGINS is not set, and no request would be answered: name the site, as https://shop.example.com"
    for host in environment.allowed_hosts:
        if "*" in host or host.startswith("."):
            yield f"ALLOWED_HOSTS holds {host!r}, which lets in names that are not yours: write each name out"


def _of_transport(environment: Environment) -> Iterator[str]:
    plain = [origin for origin in environment.origins if not origin.startswith("https://")]
    if not environment.allow_http and plain:
        yield f"ORIGINS holds {plain[0]}, and passwords would travel unencrypted: use https, or set ALLOW_HTTP=1"
    if not environment.allow_http and environment.allowed_hosts and not environment.origins:
        yield (
            "ORIGINS is not set, and passwords could travel unencrypted: name the site, as https://shop.example.com, "
            "or set ALLOW_HTTP=1 on a network of your own"
        )
    if environment.https and not environment.behind_proxy:
        yield (
            "ORIGINS are https, and the server itself speaks http: put a proxy before it that ends TLS and sets "
            "X-Forwarded-For and X-Forwarded-Proto, and set BEHIND_PROXY=1"
        )


def _of_development(environment: Environment) -> Iterator[str]:
    served = "ORIGINS are https" if environment.https else "BEHIND_PROXY is on" if environment.behind_proxy else None
    if served and environment.demo:
        yield f"DEMO is on, whose passwords are published, and {served}: take DEMO away to serve others"
    elif served:
        yield f"{served}, and DATABASE_URL is not set: name the PostgreSQL, as postgresql://user:password@host/name"
