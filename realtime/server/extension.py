"""What an ASGI server offers a session beyond `send`: the scope extension `realtime.transport`.

A server that knows its sockets puts one `Transport` for the connection into
`scope["extensions"][EXTENSION]`. `realtime.server.daphne` does; on another server the extension is absent and
the session falls back to `send` (`realtime.drivers.transport.SendTransport`).

Receiving stays with ASGI's `receive`. On shutdown the server itself closes every open socket with
`GOING_AWAY`; the session then hears of it as `websocket.disconnect`, as of any other close.

All methods are called on the event loop's thread, return at once and raise nothing once the socket is gone.
"""

import struct
from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

EXTENSION = "realtime.transport"
"""Key in `scope["extensions"]`."""

GOING_AWAY = 4000
"""Close code for every session when the server stops or drains."""

TEXT, BINARY = 0x81, 0x82
"""First byte of an unfragmented frame."""


def frame_of(first_byte: int, payload: bytes) -> bytes:
    """Return an unmasked WebSocket frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", first_byte, size) + payload
    if size < 65536:
        return struct.pack("!BBH", first_byte, 126, size) + payload
    return struct.pack("!BBQ", first_byte, 127, size) + payload


class Prepared:
    """Text frames that leave together, made ready once for any number of sockets; payloads are UTF-8."""

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self.payloads = payloads

    @cached_property
    def wire(self) -> bytes:
        """The frames one after another, as they stand on a socket without compression."""
        return b"".join([frame_of(TEXT, payload) for payload in self.payloads])

    @cached_property
    def texts(self) -> list[str]:
        """The payloads as text, for a server that makes frames itself."""
        return [payload.decode() for payload in self.payloads]


class Listener(Protocol):
    """Who writes to a transport, as the transport sees it. Called on the event loop's thread; must be cheap."""

    def congested(self) -> None:
        """Take that the transport has become congested: called once, perhaps from within a write."""

    def drained(self) -> None:
        """Take that a congested transport has written all that was queued; never from within a write."""


class Transport(Protocol):
    """The socket of one session, open from ASGI's accept to its disconnect."""

    listener: Listener | None
    """Set by the session; None: nobody is told."""

    def write(self, payload: bytes) -> None:
        """Send one text frame; `payload` is UTF-8. Never blocks: what the kernel doesn't take is queued."""

    def write_prepared(self, frames: Prepared) -> None:
        """Send frames that many sockets get, in one write: the way that nearly every delivered change takes."""

    @property
    def congested(self) -> bool:
        """Tell whether too much is queued for it, or for all (see `realtime.server.budget`).

        Once congested a transport stays so until its queue is empty.
        """

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
