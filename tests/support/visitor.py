"""A browser without pages: cookies and forms over real HTTP, to a server process of its own."""

import re
from collections.abc import Mapping
from http.cookiejar import Cookie, CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener

from django.conf import settings

CSRF = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class _Stay(HTTPRedirectHandler):
    """Leaves redirects to be looked at."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


class Visitor:
    """One browser, with cookies of its own; `headers` go with every request."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self._url = url
        self._cookies = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self._cookies), _Stay())
        self._opener.addheaders = list((headers or {}).items())

    def get(self, path: str) -> tuple[int, str]:
        """Return the status and the page."""
        return self._ask(Request(self._url + path))

    def submit(self, path: str, *, shown_at: str | None = None, **fields: str) -> tuple[int, str]:
        """Open the page with the form (at its own address if not said), send it; return the status and the page."""
        _, page = self.get(shown_at or path)
        token = CSRF.search(page)
        assert token, page
        content = urlencode({**fields, "csrfmiddlewaretoken": token[1]}).encode()
        return self._ask(Request(self._url + path, content))

    def sign_in(self, name: str, password: str = "demo-only") -> int:
        """Send the sign-in form; return the status, 302 when it was right."""
        return self.submit("/sign-in/", username=name, password=password)[0]

    def sign_out(self) -> int:
        """Press the button that stands on every page; return the status, 302 when it worked."""
        return self.submit("/sign-out/", shown_at="/password/")[0]

    @property
    def session(self) -> str:
        """The key of the session that the browser has now, "" for none."""
        found: list[Cookie] = [cookie for cookie in self._cookies if cookie.name == settings.SESSION_COOKIE_NAME]
        return (found[0].value or "") if found else ""

    def _ask(self, request: Request) -> tuple[int, str]:
        try:
            with self._opener.open(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
