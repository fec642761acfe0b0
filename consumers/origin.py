"""Which pages may connect: those of this site. A browser states its page's origin, a tool states none."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from consumers.headers import header

PORTS: Mapping[str, int] = {"http": 80, "https": 443}

Origin = tuple[str, str, int]
"""Scheme, host and port."""


def origin_of(text: str) -> Origin | None:
    """Return the parts of an origin, or None for what is none (`null`, a path, another scheme)."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname or parts.path or parts.query or parts.fragment:
        return None
    return parts.scheme, parts.hostname, port or PORTS[parts.scheme]


def permitted(scope: Mapping[str, object]) -> bool:
    """Tell whether the origin of a connection is the site's own: one of settings.ORIGINS, or the host asked.

    Scheme, host and port must all be the same. The host asked counts only when it is one of ALLOWED_HOSTS, or
    a foreign name that points here would be its own origin.
    """
    stated = header(scope, b"origin")
    if stated is None:
        return True
    origin = origin_of(stated)
    return origin is not None and origin in {*_configured(getattr(settings, "ORIGINS", ())), _asked(scope)}


def _configured(origins: Iterable[str]) -> Iterable[Origin | None]:
    return (origin_of(each) for each in origins)


def _asked(scope: Mapping[str, object]) -> Origin | None:
    """Return the origin of the site as the client asked for it."""
    host = header(scope, b"host")
    if host is None or not validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS):
        return None
    return origin_of(f"{'https' if scope.get('scheme') == 'wss' else 'http'}://{host}")
