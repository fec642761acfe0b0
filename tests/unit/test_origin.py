"""Only this site's pages may connect: scheme, host and port are compared, nothing less."""

from typing import Any

import pytest

from consumers.authentication import session_key
from consumers.handshake import shake_hands
from consumers.origin import permitted


def scope(origin: str | None, host: str = "shop.example:8000", **more: Any) -> dict[str, Any]:
    """Return the scope of a connection."""
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    return {"type": "websocket", "scheme": "ws", "headers": headers, "subprotocols": ["realtime.v1"], **more}


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    """A site with one origin of its own beside the host that was asked."""
    settings.ALLOWED_HOSTS = ["shop.example", "[::1]"]
    settings.ORIGINS = ["https://www.shop.example"]


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, True),
        ("http://shop.example:8000", True),
        ("HTTP://SHOP.EXAMPLE:8000", True),
        ("https://www.shop.example", True),
        ("https://www.shop.example:443", True),
        ("http://www.shop.example", False),
        ("https://shop.example:8000", False),
        ("http://shop.example", False),
        ("http://shop.example:8001", False),
        ("http://evil.example", False),
        ("http://shop.example.evil.example:8000", False),
        ("http://shop.example:8000@evil.example", False),
        ("http://shop.example:8000/path", False),
        ("http://shop.example:port", False),
        ("ws://shop.example:8000", False),
        ("null", False),
        ("", False),
    ],
)
def test_an_origin_is_permitted_when_it_is_the_sites_own(origin: str | None, expected: bool) -> None:  # noqa: FBT001
    """A configured origin, or the one that was asked for; no origin is a tool."""
    assert permitted(scope(origin)) is expected


def test_a_name_that_only_points_here_is_not_the_site() -> None:
    """A foreign name for this address would be its own origin: the host must be an allowed one."""
    assert not permitted(scope("http://evil.example", host="evil.example"))


def test_an_address_may_be_the_host() -> None:
    """IPv6 addresses stand in brackets."""
    assert permitted(scope("http://[::1]:8000", host="[::1]:8000"))


def test_the_host_asked_has_the_scheme_of_the_connection() -> None:
    """A page of https connects with wss."""
    assert permitted(scope("https://shop.example", host="shop.example", scheme="wss"))
    assert not permitted(scope("https://shop.example", host="shop.example"))


def test_two_origins_are_none_of_ours() -> None:
    """A header given twice with two values is not read as either."""
    given = scope("http://shop.example:8000")
    given["headers"].append((b"origin", b"http://evil.example"))
    assert not permitted(given)


@pytest.mark.parametrize(
    ("origin", "offers", "subprotocol", "code"),
    [
        (None, ["realtime.v1"], "realtime.v1", None),
        (None, ["other", "realtime.v1"], "realtime.v1", None),
        (None, ["other", "more"], "other", 4509),
        (None, [], None, 4509),
        ("http://evil.example", ["realtime.v1"], "realtime.v1", 4503),
        ("http://evil.example", ["other"], "other", 4503),
    ],
)
def test_the_handshake_accepts_and_says_why_it_closes(
    origin: str | None, offers: list[str], subprotocol: str | None, code: int | None
) -> None:
    """An offer is always accepted, or a browser would not see the code."""
    handshake = shake_hands(scope(origin, subprotocols=offers))
    assert (handshake.subprotocol, handshake.code) == (subprotocol, code)


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        (None, None),
        ("sessionid=abc123", "abc123"),
        ("csrftoken=x; sessionid=abc123; more=1", "abc123"),
        ("sessionid=", None),
        ("sessionid=../etc", None),
        ("sessionid=é", None),
        ("sessionid=" + "a" * 200, None),
    ],
)
def test_the_session_key_is_read_from_its_cookie(cookie: str | None, expected: str | None) -> None:
    """What can't be a key is not looked up."""
    given = scope(None)
    if cookie is not None:
        given["headers"].append((b"cookie", cookie.encode()))
    assert session_key(given) == expected
