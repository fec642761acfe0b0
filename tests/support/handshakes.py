"""A WebSocket of the server on a real socket pair, after its handshake: ours, or Daphne's own beside it."""

import socket
from collections.abc import Callable
from typing import Any

from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet.tcp import Server as Stream

from realtime.server.budget import Budget
from realtime.server.connection import Connection
from tests.support.wires import Reactor

MAX_BYTES = 70_000
UPGRADE = (
    b"GET /ws/?a=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nCookie: sessionid=abc\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: spoken\r\n\r\n"
)


class Daphne:
    """What a protocol asks of Daphne's server; it is the application's queue too."""

    root_path = ""
    proxy_forwarded_address_header = None

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.gone = 0

    def protocol_connected(self, protocol: Any) -> None:
        """Do nothing."""

    def protocol_disconnected(self, protocol: Any) -> None:
        """Count it."""
        self.gone += 1

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> "Daphne":
        """Be the queue."""
        return self

    def put_nowait(self, message: dict[str, Any]) -> None:
        """Keep a message."""
        if message["type"] == "websocket.receive":
            self.heard.append(message.get("text", message.get("bytes")))

    def log_action(self, *_: Any) -> None:
        """Do nothing."""


class Timer:
    """Stands for autobahn's timers; nothing times out by itself."""

    def call_later(self, _seconds: float, _call: Callable[[], None]) -> "Timer":
        """Return what can be cancelled."""
        return self

    def cancel(self) -> None:
        """Do nothing."""


class Heard(WebSocketProtocol):  # type: ignore[misc]  # Daphne carries no types
    """Daphne's own protocol, which also tells of pongs."""

    def onPong(self, payload: bytes) -> None:  # noqa: N802 (autobahn's name)
        """Keep the pong."""
        self.server.heard.append("PONG")


class Peer:
    """One side's protocol and the client's end of the socket."""

    def __init__(self, *, ours: bool, budget: Budget | None = None) -> None:
        self.server = Daphne()
        factory = WebSocketFactory(self.server, server="tideline", reactor=Reactor())
        factory._batched_timer = Timer()
        factory.setProtocolOptions(
            failByDrop=False, maxFramePayloadSize=MAX_BYTES, maxMessagePayloadSize=MAX_BYTES, allowNullOrigin=True
        )
        self.factory = factory
        budget = budget or Budget(connection_bytes=20_000, process_bytes=1 << 20)
        factory.protocol = Connection.like(factory, budget) if ours else Heard
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.create_connection(listener.getsockname())
            accepted, address = listener.accept()
        self.client.settimeout(5)
        self.reactor = factory.reactor
        self.protocol: Any = factory.buildProtocol(None)
        self.stream = Stream(accepted, self.protocol, address, None, 0, self.reactor)
        self.protocol._raw_query_string = b""
        self.protocol.makeConnection(self.stream)
        self.protocol.dataReceived(UPGRADE)

    def accept(self) -> bytes:
        """Have the application accept; return the server's answer."""
        self.protocol.serverAccept("spoken")
        self.reactor.turn()
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.client.recv(4096)
        return answer

    def written(self) -> bytes:
        """Return what the server has written."""
        self.reactor.turn()
        self.client.setblocking(False)
        try:
            return self.client.recv(1 << 20)
        except BlockingIOError:
            return b""

    def clean_up(self) -> None:
        """Close both ends."""
        self.client.close()
        if hasattr(self.stream, "socket"):
            self.stream.socket.close()
