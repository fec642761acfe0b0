"""The session cookie of a connection. Whom it stands for, the engine asks the identity provider."""

from collections.abc import Mapping

from django.conf import settings
from django.http import parse_cookie

from consumers.headers import header

KEY_CHARACTERS = 128
"""Longest session key that is looked up."""


def session_key(scope: Mapping[str, object]) -> str | None:
    """Return the session key in the cookie, or None for a client without one (or with something else in it)."""
    key = parse_cookie(header(scope, b"cookie") or "").get(settings.SESSION_COOKIE_NAME)
    return key if key and len(key) <= KEY_CHARACTERS and key.isalnum() and key.isascii() else None
