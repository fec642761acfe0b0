"""Who a client is, behind a proxy: the address that it came from, and whether its connection is encrypted.

A header can be sent by anyone. Of a list in `X-Forwarded-For` only the last entry was written by the proxy that
connects here, or would have been: everything before it may be the client's invention. (Daphne's own support
believes the first.) So this serves one proxy, which knows whom it serves; further ones are for that proxy to see
through. The server must be out of reach of everyone else.
"""

from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import Any

from consumers.headers import last_header

Scope = dict[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[None]]

SCHEMES: Mapping[str, Mapping[str, str]] = {
    "http": {"http": "http", "https": "https"},
    "websocket": {"http": "ws", "https": "wss"},
}
"""By the scope's type and what a proxy says: the scope's scheme."""


def behind_proxy(application: Application) -> Application:
    """Return the ASGI application with each scope's `client` and `scheme` as the last hop's headers say."""

    async def proxied(scope: Scope, receive: Any, send: Any) -> None:
        await application(as_the_proxy_says(scope), receive, send)

    return proxied


def as_the_proxy_says(scope: Scope) -> Scope:
    """Return the scope with the client's address and scheme; what the headers don't tell stays as it was."""
    schemes = SCHEMES.get(scope["type"])
    if schemes is None:
        return scope
    address = address_of(_last_entry(scope, b"x-forwarded-for"))
    scheme = schemes.get(_last_entry(scope, b"x-forwarded-proto").lower())
    return {
        **scope,
        "client": scope.get("client") if address is None else [address, 0],
        "scheme": scope.get("scheme", schemes["http"]) if scheme is None else scheme,
    }


def address_of(text: str) -> str | None:
    """Return an IP address in its usual form, read with or without a port; None for what is none."""
    host = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    if host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _last_entry(scope: Scope, name: bytes) -> str:
    return last_header(scope, name).rpartition(",")[2].strip()
