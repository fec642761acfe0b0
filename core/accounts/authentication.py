"""Who may call an endpoint of the HTTP API: tools by their key, pages by the session of whoever looks at them."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.security.apikey import APIKeyCookie
from ninja.security.http import HttpBearer
from ninja.utils import check_csrf

from core.accounts.keys import SCOPES, find_key
from core.accounts.models import ApiKey, User
from core.problems import Problem


class ScopedKey(HttpBearer):
    """`Authorization: Bearer <key>`, with an API key that has this scope; the endpoint finds it as `request.auth`."""

    openapi_bearerFormat = "tl_<prefix>_<secret>"  # noqa: N815 - ninja passes the attribute on under OpenAPI's name

    def __init__(self, scope: str) -> None:
        if scope not in SCOPES:
            raise ValueError(f"unknown scope {scope!r}; there are: {', '.join(sorted(SCOPES))}")
        self._scope = scope
        self.openapi_description = f"An API key with the scope `{scope}`, made by `manage.py api_key create`."
        super().__init__()

    def __call__(self, request: HttpRequest) -> ApiKey:
        """Return the key; raise Problem 401 without one in force, 403 when it lacks the scope."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorised("Send an API key as `Authorization: Bearer <key>`.", "Bearer")
        return self.authenticate(request, token.strip())

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey:
        """Return the key of the token; raise Problem 401 when none in force has it, 403 when it lacks the scope."""
        key = find_key(token)
        if key is None:
            raise _unauthorised("No API key in force has this token.", 'Bearer error="invalid_token"')
        if self._scope not in key.scopes:
            wanted = f'Bearer error="insufficient_scope", scope="{self._scope}"'
            detail = f"The API key {key.name!r} lacks the scope {self._scope!r}."
            raise Problem(403, detail, headers={"WWW-Authenticate": wanted})
        return key


class SignedIn(APIKeyCookie):
    """The session of a page, of a user for whom the policy holds; the endpoint finds the user as `request.user`.

    Requests that change something carry the CSRF token as X-CSRFToken.
    """

    param_name = settings.SESSION_COOKIE_NAME
    openapi_description = "The session of somebody who is signed in; with `X-CSRFToken` where something is changed."

    def __init__(self, policy: Callable[[Any], bool]) -> None:
        self._policy = policy
        super().__init__()

    def __call__(self, request: HttpRequest) -> User:
        """Return the user; raise Problem 401 when nobody is signed in, 403 without CSRF token or against the policy."""
        return self.authenticate(request, None)

    def authenticate(self, request: HttpRequest, key: str | None) -> User:
        """Return the user that the session middleware found; raise Problem as said above. `key` is not looked at."""
        user = request.user
        if not isinstance(user, User) or not user.is_authenticated:
            raise _unauthorised("Nobody is signed in: sign in, and ask again.", "Session")
        if check_csrf(request) is not None:
            raise Problem(403, "The CSRF token is missing or wrong: load the page again, and send it as X-CSRFToken.")
        if not self._policy(user):
            raise Problem(403, f"This is not for {user.username} to do.")
        return user


def _unauthorised(detail: str, challenge: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": challenge})
