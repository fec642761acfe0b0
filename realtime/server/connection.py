"""One WebSocket on our server: Daphne's protocol on autobahn's, without what only the handshake needed.

A plain connection of Daphne's carries a copy of each option, each header of the handshake and a dozen objects
that nobody asks for. Here what is the same for all stands on the class, and the handshake is forgotten once it
is made. Frames of the usual kind are read at a glance; autobahn's parser takes all others.
"""

from typing import Any, Self

from autobahn.websocket import protocol as autobahn
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.protocol import connectionDone

from realtime.server.budget import Budget
from realtime.server.extension import BINARY, TEXT, frame_of
from realtime.server.incoming import PONG, plain_frame
from realtime.server.parts import HANDSHAKE
from realtime.server.transport import LINGER_SECONDS, SocketTransport

SHARED: dict[str, Any] = {
    "trafficStats": autobahn.TrafficStats(),  # counts for all connections; nobody reads it
    "send_queue": (),  # for writes chopped up in tests of autobahn's
    "utf8validator": None,  # `onMessage` validates
    "_transport_details": None,  # who is at the other end, told to handlers of autobahn's that are not used
}
"""What autobahn makes anew for each connection and we don't, and what stands for it on the class."""


class Nobody:
    """Stands for autobahn's futures of opening and closing, which nobody waits for."""

    def callback(self, _result: object) -> None:
        """Tell nobody."""


def initial_values(factory: Any) -> dict[str, Any]:
    """Return what autobahn gives a new connection: options of the factory, and where each part of it begins."""
    model = WebSocketProtocol()
    model.factory = factory
    model.openHandshakeTimeout = 0  # the model shall start no timer
    model._connectionMade()
    factory.countConnections -= 1
    found = {name: value for name, value in vars(model).items() if name not in ("factory", "openHandshakeTimeout")}
    found["openHandshakeTimeout"] = factory.openHandshakeTimeout
    found["perMessageCompressionAccept"] = staticmethod(factory.perMessageCompressionAccept)
    return found


class Connection(WebSocketProtocol):
    """Daphne's WebSocket with a `SocketTransport`."""

    is_open = is_closed = Nobody()
    budget: Budget
    socket: SocketTransport

    @classmethod
    def like(cls, factory: Any, budget: Budget) -> type[Self]:
        """Return the class whose connections begin as autobahn would have the factory's begin."""
        begin = initial_values(factory) | SHARED
        del begin["is_open"], begin["is_closed"]
        nothing = dict.fromkeys(HANDSHAKE)
        return type(cls.__name__, (cls,), nothing | begin | {"utf8validateIncoming": False, "budget": budget})

    def __init__(self) -> None:
        """Begin with what stands on the class."""

    # The handshake

    def connectionMade(self) -> None:
        """Make the transport, and give the client a while for its handshake."""
        peer = self.transport.getPeer()
        self.peer = f"{peer.host}:{peer.port}"
        self.socket = SocketTransport(self, self.transport, self.budget)
        self.factory.countConnections += 1
        self.openHandshakeTimeoutCall = self.factory._batched_timer.call_later(
            self.openHandshakeTimeout, self.onOpenHandshakeTimeout
        )

    def _onOpen(self) -> None:
        """Call `onOpen`; autobahn would look for TLS first."""
        self.onOpen()

    def serverAccept(self, subprotocol: str | None = None) -> None:
        """Complete the handshake, and forget it."""
        super().serverAccept(subprotocol)
        # A new dict, for one never shrinks; what is gone from it is found on the class, as None.
        self.__dict__ = {name: value for name, value in self.__dict__.items() if name not in HANDSHAKE}

    # Outgoing

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:  # noqa: FBT001, FBT002 (autobahn's signature)
        """Send what autobahn sends by itself (the answer to the handshake, pongs, closes) in its turn."""
        if self.state == self.STATE_CONNECTING:
            self.socket.begin()
        self.socket.write_wire(data)

    def serverSend(self, content: Any, binary: bool = False) -> None:  # noqa: FBT001, FBT002 (Daphne's signature)
        """Send what the application sends without the extension; autobahn's limit on messages is for incoming ones."""
        self.socket.write_wire(frame_of(BINARY if binary else TEXT, content if binary else content.encode()))

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Close with the application's reason, which Daphne ignores; else as Daphne does."""
        if message["type"] == "websocket.close" and self.state == self.STATE_OPEN:
            self.socket.close(message.get("code") or 1000, message.get("reason") or "")
        else:
            super().handle_reply(message)

    def sendCloseFrame(self, *args: Any, **kwargs: Any) -> None:
        """Send the close frame, behind which nothing may follow."""
        super().sendCloseFrame(*args, **kwargs)
        self.socket.end()

    def dropConnection(self, abort: bool = False) -> None:  # noqa: FBT001, FBT002 (autobahn's signature)
        """Drop the socket; what is still queued has a while to leave."""
        super().dropConnection(abort)
        self.socket.end()
        if not abort and self.socket.queued_bytes():
            self.factory.reactor.callLater(LINGER_SECONDS, self.transport.abortConnection)

    # Incoming

    def dataReceived(self, data: bytes) -> None:
        """Take messages and pongs that came whole; leave all else to autobahn."""
        at = 0
        while self.state == self.STATE_OPEN and not (self.inside_message or self.current_frame or self.data):
            frame = plain_frame(data, at, self.maxFramePayloadSize)
            if frame is None:
                break
            first, payload, at = frame
            if first == PONG:
                self.socket.pong()
            else:
                self.onMessage(payload, first == BINARY)
            if at == len(data):
                return
        self._dataReceived(data[at:] if at else data)

    def onClose(self, _clean: bool, code: int | None, _reason: str | None) -> None:  # noqa: FBT001 (autobahn's signature)
        """Tell the application that the connection is over (Daphne's own asks for the handshake, to log it)."""
        self.factory.server_class.protocol_disconnected(self)  # `server` is not there before the application is
        queue = getattr(self, "application_queue", None)
        if queue is not None:
            queue.put_nowait({"type": "websocket.disconnect", "code": code})

    def connectionLost(self, reason: Any = connectionDone) -> None:
        """Take that the socket is gone."""
        super().connectionLost(reason)
        self.socket.lost()

    def onPong(self, payload: bytes) -> None:
        """Count the pong."""
        self.socket.pong()

    def onMessage(self, payload: bytes, binary: bool) -> None:  # noqa: FBT001 (autobahn's signature)
        """Hand a message to the application, a text only when it is one."""
        if binary:
            self.application_queue.put_nowait({"type": "websocket.receive", "bytes": payload})
            return
        try:
            text = payload.decode()
        except UnicodeDecodeError as error:
            self._invalid_payload(f"this text message is not UTF-8: {error.reason} at byte {error.start}")
        else:
            self.application_queue.put_nowait({"type": "websocket.receive", "text": text})
