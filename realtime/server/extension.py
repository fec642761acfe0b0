"""What an ASGI server offers a session beyond `send`: the scope extension `realtime.transport`.

A server that knows its sockets puts one `Transport` for the connection into
`scope["extensions"][EXTENSION]`. `realtime.server.daphne` does; on another server the extension is absent and
the session falls back to `send` (`realtime.drivers.session.SendTransport`).

Receiving stays with ASGI's `receive`. On shutdown the server itself closes every open socket with
`GOING_AWAY`; the session then hears of it as `websocket.disconnect`, as of any other close.

All methods are called on the event loop's thread, return at once and raise nothing once the socket is gone.
"""

from collections.abc import Callable
from typing import Protocol

EXTENSION = "realtime.transport"
"""Key in `scope["extensions"]`."""

GOING_AWAY = 4000
"""Close code for every session when the server stops or drains."""

CONGESTED_BYTES = 64 * 1024
"""More than this queued in the process for one socket, and its transport is congested."""


class Transport(Protocol):
    """The socket of one session, open from ASGI's accept to its disconnect."""

    def write(self, payload: bytes) -> None:
        """Send one text frame; `payload` is UTF-8. Never blocks: what the kernel doesn't take is queued."""

    @property
    def congested(self) -> bool:
        """Tell whether more than `CONGESTED_BYTES` are queued, and have not drained since."""

    def on_drain(self, callback: Callable[[], None]) -> None:
        """Have `callback` called each time the transport gets from congested to drained (queue empty)."""

    def drained_bytes(self) -> int:
        """Return how many bytes the kernel has taken so far: it stands still for a client that takes none."""

    def ping(self) -> None:
        """Send a WebSocket ping. The session decides when: the server sends none by itself and times none out."""

    def pongs(self) -> int:
        """Return how many WebSocket pongs have come since the socket opened; other frames do not count."""

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame (1000 or 3000-4999), and drop the socket soon after if the peer does not answer."""

    def abort(self) -> None:
        """Drop the socket at once, with all that is queued for it."""
