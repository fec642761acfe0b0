"""The transport of a session on our server: straight to the socket while nothing waits, in order always.

Twisted's `write` puts bytes aside, asks the loop for writability and writes in the next turn: three system calls
and 30 us a frame. So as long as nothing waits in the process, bytes go to the kernel at once (9 us). What it
does not take goes to Twisted's buffer, and so does everything after it, until that is empty.
"""

import socket
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

from realtime.server.budget import Budget, Budgeted
from realtime.server.extension import TEXT, Prepared, frame_of

if TYPE_CHECKING:
    from realtime.server.connection import Connection

PING = b"\x89\x00"
"""A ping without payload, as it stands on the line."""

UNSENT_BYTES = 64 * 1024
"""So much the kernel takes beyond what is on its way to the client."""

LINGER_SECONDS = 1.0
"""How long what is queued may take to leave after a close."""


def bound_kernel(listener: socket.socket) -> None:
    """Bound what the kernel takes for a client that reads nothing; accepted sockets inherit it."""
    listener.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)


TCP_NOTSENT_LOWAT = 25
"""Of linux/tcp.h; the socket module of Python 3.11 doesn't name it."""


@implementer(IPullProducer)
class SocketTransport(Budgeted):
    """The `Transport` of one connection, and the producer that Twisted asks for more when its buffer is empty."""

    __slots__ = ("_connection", "_flowing", "_open", "_pongs", "_send", "_stream", "_written")

    def __init__(self, connection: "Connection", stream: Any, budget: Budget) -> None:
        super().__init__(budget)
        if stream.TLS:
            raise RuntimeError("this server writes past TLS: let a proxy end it")
        self._connection: Connection | None = connection
        self._stream = stream
        self._send = stream.getHandle().send
        self._open = False
        self._flowing = False  # open, and nothing waits: the one thing that a write has to look at
        self._written = 0
        self._pongs = 0

    # What the session uses

    def write_prepared(self, frames: Prepared) -> None:
        """Send frames that were made ready for many sockets."""
        self.write_wire(frames.wire)

    def write(self, payload: bytes) -> None:
        """Send one text frame."""
        self.write_wire(frame_of(TEXT, payload))

    def ping(self) -> None:
        """Send a WebSocket ping."""
        self.write_wire(PING)

    def write_wire(self, wire: bytes) -> None:
        """Send whole frames as they stand on the line; every byte of an open connection takes this way."""
        if self._flowing:
            try:
                sent = self._send(wire)
            except OSError:  # it takes nothing, or it is broken, which Twisted will find out and tell
                sent = 0
            self._written += len(wire)
            if sent != len(wire):
                self._flowing = False
                self._queue(wire[sent:] if sent else wire)
        elif self._open:
            self._written += len(wire)
            self._queue(wire)

    def drained_bytes(self) -> int:
        """Return how many bytes the kernel has taken."""
        return self._written - self.queued_bytes()

    def queued_bytes(self) -> int:
        """Return how many bytes wait in the process for this socket."""
        stream = self._stream
        size: int = len(stream.dataBuffer) - stream.offset + stream._tempDataLen
        return size

    def pongs(self) -> int:
        """Return how many pongs have come."""
        return self._pongs

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame; autobahn drops the socket when no answer comes within a second."""
        if self._open and self._connection is not None:
            self._connection.sendClose(code, reason)

    def abort(self) -> None:
        """Drop the socket at once."""
        self._stream.abortConnection()

    # What the connection tells

    def begin(self) -> None:
        """Take the socket over from the HTTP channel, which Twisted would still tell about its buffer."""
        self._stream.unregisterProducer()
        self._stream.registerProducer(self, streaming=False)
        self._open = True
        self._flowing = self.queued_bytes() == 0

    def pong(self) -> None:
        """Count a pong."""
        self._pongs += 1

    def end(self) -> None:
        """Take no more writes: the close frame is sent, or the socket gone."""
        self._open = self._flowing = False
        self.note_end()

    def lost(self) -> None:
        """Take that the socket is gone, and let go of the connection."""
        self.end()
        self._connection = None

    def _queue(self, rest: bytes) -> None:
        self._stream.write(rest)
        self.note_queued(self.queued_bytes())

    # What Twisted tells

    def resumeProducing(self) -> None:
        """Take that all that was queued has left."""
        if self._open:
            self._flowing = True
            self.note_empty()

    def stopProducing(self) -> None:
        """Take that the socket is gone."""
        self.end()
