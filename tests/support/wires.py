# ruff: noqa: N802, N815 (names of Twisted)
"""A real socket pair under the server's transport, with a reactor that does only what a test tells it."""

import socket
from typing import Any

from twisted.internet.tcp import Server as Stream

from realtime.server.budget import Budget
from realtime.server.transport import SocketTransport

SMALL_BYTES = 8 * 1024
"""What is asked of the kernel as the socket's buffers: a few frames fill them."""


class Reactor:
    """Notes who waits to write; nothing happens by itself."""

    def __init__(self) -> None:
        self.writers: set[Any] = set()

    def addReader(self, _stream: Any) -> None:
        """Do nothing: tests read by hand."""

    removeReader = addReader

    def addWriter(self, stream: Any) -> None:
        """Note it."""
        self.writers.add(stream)

    def removeWriter(self, stream: Any) -> None:
        """Forget it."""
        self.writers.discard(stream)

    def callLater(self, _seconds: float, call: Any, *args: Any) -> None:
        """Call at once."""
        call(*args)

    def turn(self) -> list[object]:
        """Let all write that wait for it, as the loop does when sockets are writable; return what they found out."""
        return [stream.doWrite() for stream in list(self.writers)]


class Listener:
    """Keeps what the transport tells, and does something of its own then."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.on_congested: Any = lambda: None
        self.on_drained: Any = lambda: None

    def congested(self) -> None:
        """Keep it."""
        self.told.append("congested")
        self.on_congested()

    def drained(self) -> None:
        """Keep it."""
        self.told.append("drained")
        self.on_drained()


class Nobody:
    """A protocol that is told nothing that matters."""

    def connectionLost(self, _reason: object) -> None:
        """Do nothing."""


class Wire:
    """A transport, and the client's end of its socket."""

    def __init__(self, budget: Budget) -> None:
        ours, self.client = socket.socketpair()
        for end in (ours, self.client):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BYTES)
        self.client.setblocking(False)
        self.reactor = Reactor()
        self.stream = Stream(ours, Nobody(), ("127.0.0.1", 1), None, 0, self.reactor)
        self.listener = Listener()
        self.transport = SocketTransport(Unclosed(), self.stream, budget)  # type: ignore[arg-type]
        self.transport.listener = self.listener
        self.transport.begin()

    def read(self) -> bytes:
        """Return what has come to the client."""
        found = b""
        while True:
            try:
                more = self.client.recv(1 << 20)
            except BlockingIOError:
                return found
            if not more:
                return found
            found += more

    def read_all(self) -> bytes:
        """Return what comes to the client until nothing is left to be written."""
        found = self.read()
        while self.reactor.writers:
            self.reactor.turn()
            found += self.read()
        return found

    def fill(self) -> int:
        """Write until the kernel takes no more; return how many frames were written."""
        written = 0
        while not self.transport.queued_bytes():
            self.transport.write(b"%06d" % written + b"x" * 994)
            written += 1
        return written

    def clean_up(self) -> None:
        """Close both ends."""
        self.client.close()
        if hasattr(self.stream, "socket"):
            self.stream.socket.close()


class Unclosed:
    """Stands for the connection of a transport whose closing is not the matter."""
