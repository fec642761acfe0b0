"""Behind a proxy: who the client is, by the last hop's word alone."""

from typing import Any

import pytest

from consumers.origin import permitted
from consumers.proxy import as_the_proxy_says, behind_proxy

FOR, PROTO = b"x-forwarded-for", b"x-forwarded-proto"


def scope(kind: str = "http", *headers: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:
    """Return the scope of a connection that the proxy at 10.0.0.1 made."""
    return {"type": kind, "client": ["10.0.0.1", 4242], "headers": list(headers), **more}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ["10.0.0.1", 4242]),
        ([(FOR, b"203.0.113.9")], ["203.0.113.9", 0]),
        ([(FOR, b"1.1.1.1, 203.0.113.9")], ["203.0.113.9", 0]),
        ([(FOR, b"1.1.1.1,2.2.2.2 ,  203.0.113.9 ")], ["203.0.113.9", 0]),
        ([(FOR, b"1.1.1.1"), (FOR, b"203.0.113.9")], ["203.0.113.9", 0]),
        ([(FOR, b"203.0.113.9:5555")], ["203.0.113.9", 0]),
        ([(FOR, b"2001:DB8::0007")], ["2001:db8::7", 0]),
        ([(FOR, b"[2001:db8::7]:443")], ["2001:db8::7", 0]),
        ([(FOR, b"1.1.1.1,")], ["10.0.0.1", 4242]),
        ([(FOR, b"unknown")], ["10.0.0.1", 4242]),
        ([(FOR, b"<script>")], ["10.0.0.1", 4242]),
        ([(FOR, b"\xff\xfe")], ["10.0.0.1", 4242]),
        ([(b"x-real-ip", b"203.0.113.9"), (b"forwarded", b"for=203.0.113.9")], ["10.0.0.1", 4242]),
    ],
)
def test_the_last_entry_alone_is_the_client(headers: list[tuple[bytes, bytes]], expected: list[Any]) -> None:
    """A client may send the header itself: what stands before the proxy's own entry is not believed."""
    for kind in ("http", "websocket"):
        assert as_the_proxy_says(scope(kind, *headers))["client"] == expected


@pytest.mark.parametrize(
    ("kind", "said", "expected"),
    [
        ("http", b"https", "https"),
        ("http", b"HTTPS", "https"),
        ("http", b"http", "http"),
        ("http", b"https, http", "http"),
        ("http", b"gopher", "http"),
        ("http", None, "http"),
        ("websocket", b"https", "wss"),
        ("websocket", b"http", "ws"),
        ("websocket", None, "ws"),
    ],
)
def test_the_scheme_is_the_clients(kind: str, said: bytes | None, expected: str) -> None:
    """Of the connection to the proxy, by the last hop's word."""
    given = scope(kind, *([] if said is None else [(PROTO, said)]))
    assert as_the_proxy_says(given)["scheme"] == expected


def test_a_page_of_https_may_connect_through_the_proxy(settings: Any) -> None:
    """The host asked counts as https once the proxy says so."""
    settings.ALLOWED_HOSTS, settings.ORIGINS = ["shop.example"], []
    headers = [(b"host", b"shop.example"), (b"origin", b"https://shop.example")]
    assert not permitted(as_the_proxy_says(scope("websocket", *headers)))
    assert permitted(as_the_proxy_says(scope("websocket", *headers, (PROTO, b"https"))))


async def test_other_scopes_pass_untouched() -> None:
    """A lifespan has no client."""
    seen: list[Any] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(scope)

    await behind_proxy(application)({"type": "lifespan"}, None, None)
    assert seen == [{"type": "lifespan"}]
