"""Daphne, knowing its sockets: it offers each WebSocket's `Transport` to the application and says goodbye.

What differs from plain Daphne: a session can see that its client doesn't take what was written (Daphne's
`send` never waits), closes carry their code and reason, oversize and broken frames are answered with 1009
and 1007 instead of a cut, whatever stands as the Origin is for the application to judge, and SIGTERM closes
every socket with `GOING_AWAY` before anything is cancelled.

Importing this module installs Twisted's asyncio reactor. Private attributes of Daphne, autobahn and Twisted
are used in this module alone; `PARTS` names them all, and a contract test holds the installed versions to it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import Any

from autobahn.websocket import protocol as autobahn
from daphne.server import Server as DaphneServer
from daphne.server import twisted_loop
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import defer, reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from realtime.server.extension import BINARY, EXTENSION, GOING_AWAY, TEXT, Listener, Prepared, Transport, frame_of

PARTS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (DaphneServer, ("run", "create_application", "protocol_disconnected", "kill_all_applications")),
    (WebSocketProtocol, ("onConnect", "onOpen", "onPong", "serverSend", "serverAccept", "serverClose", "handle_reply")),
    (WebSocketProtocol, ("sendClose", "sendPing", "STATE_CONNECTING", "STATE_OPEN")),
    (FileDescriptor, ("write", "dataBuffer", "offset", "_tempDataLen", "bufferSize")),
    (FileDescriptor, ("registerProducer", "unregisterProducer")),
    (autobahn, ("_url_to_origin",)),
)
"""What this module overrides or reads of classes that are not ours."""

GOODBYE_SECONDS = 2.0
"""How long SIGTERM waits for clients to answer their close frames and for requests to be answered."""

END_SECONDS = 0.5
"""How long applications whose clients are gone may take to end, and then what was cancelled."""


def _pass_origin(_origin: str) -> str:
    """Take every Origin for "null", which is allowed: autobahn answers one that it can't read with 400.

    A browser shows no code then. The application reads the header itself, and closes with a code.
    """
    return "null"


autobahn._url_to_origin = _pass_origin


@implementer(IPushProducer)
class SocketTransport:
    """The `Transport` of one connection, and the producer that Twisted tells about its buffer.

    Twisted pauses a producer above 64 KiB of buffered bytes and resumes it when all are written: that is
    `congested`.
    """

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._congested = False
        self.listener: Listener | None = None
        self._written = 0
        self._drained = 0
        self._pongs = 0

    def write(self, payload: bytes) -> None:
        """Send one text frame."""
        self.write_frame(TEXT, payload)

    def write_frame(self, first_byte: int, payload: bytes) -> None:
        """Send one frame, past autobahn, whose limit on incoming messages would hold for outgoing ones too."""
        self._write_wire(frame_of(first_byte, payload))

    def write_prepared(self, frames: Prepared) -> None:
        """Send frames that were made ready for many sockets."""
        self._write_wire(frames.wire)

    def _write_wire(self, wire: bytes) -> None:
        if self._connection.state == WebSocketProtocol.STATE_OPEN:
            self._written += len(wire)
            self._connection.transport.write(wire)

    @property
    def congested(self) -> bool:
        """Tell whether more than 64 KiB have been queued and not all of it written since."""
        return self._congested

    def queued_bytes(self) -> int:
        """Return how many bytes wait in the process for this socket."""
        transport = self._connection.transport
        return 0 if transport is None else len(transport.dataBuffer) - transport.offset + transport._tempDataLen

    def drained_bytes(self) -> int:
        """Return how many bytes of frames the kernel has taken; never less than before."""
        others = self._connection.trafficStats.outgoingOctetsWireLevel
        self._drained = max(self._drained, self._written + others - self.queued_bytes())
        return self._drained

    def ping(self) -> None:
        """Send a WebSocket ping."""
        self._connection.sendPing()

    def pongs(self) -> int:
        """Return how many pongs have come."""
        return self._pongs

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame; autobahn drops the socket when no answer comes within a second."""
        if self._connection.state == WebSocketProtocol.STATE_OPEN:
            self._connection.sendClose(code, reason)

    def abort(self) -> None:
        """Drop the socket at once."""
        transport = self._connection.transport
        if transport is not None:
            transport.abortConnection()

    def opened(self) -> None:
        """Take the place of the HTTP channel, which Twisted still tells about the buffer: it would stop reading."""
        self._connection.transport.unregisterProducer()
        self._connection.transport.registerProducer(self, streaming=True)

    def pong(self) -> None:
        """Count a pong."""
        self._pongs += 1

    def pauseProducing(self) -> None:
        """Note that the buffer is full (called by Twisted, at each write)."""
        if not self._congested:
            self._congested = True
            if self.listener is not None:
                self.listener.congested()

    def resumeProducing(self) -> None:
        """Note that the buffer is empty (called by Twisted)."""
        self._congested = False
        if self._connection.state != WebSocketProtocol.STATE_OPEN:
            # Twisted does not disconnect while a paused producer is registered.
            self._connection.transport.unregisterProducer()
            return
        if self.listener is not None:
            self.listener.drained()

    def stopProducing(self) -> None:
        """Forget the session: the socket is gone (called by Twisted)."""
        self._congested = False
        self.listener = None


class Connection(WebSocketProtocol):
    """Daphne's WebSocket with a `SocketTransport`."""

    socket: SocketTransport

    def onConnect(self, request: Any) -> Any:
        """Make the transport before the application starts."""
        self.socket = SocketTransport(self)
        return super().onConnect(request)

    def onOpen(self) -> None:
        """Attach the transport to the open socket."""
        super().onOpen()
        self.socket.opened()

    def onPong(self, payload: bytes) -> None:
        """Count the pong."""
        self.socket.pong()

    def serverSend(self, content: Any, binary: bool = False) -> None:  # noqa: FBT001, FBT002 (Daphne's signature)
        """Send what the application sends without the extension."""
        if self.state == self.STATE_CONNECTING:
            self.serverAccept()
        self.socket.write_frame(BINARY if binary else TEXT, content if binary else content.encode())

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Close with the application's reason, which Daphne ignores; else as Daphne does."""
        if message["type"] == "websocket.close" and self.state == self.STATE_OPEN:
            self.socket.close(message.get("code") or 1000, message.get("reason") or "")
        else:
            super().handle_reply(message)


class Server(DaphneServer):
    """Serve an ASGI application on a listening socket until SIGTERM or SIGINT.

    `ready` is called once connections are taken; `message_max_bytes` bounds a client's message.
    """

    def __init__(
        self, application: Any, *, listener: socket.socket, message_max_bytes: int, ready: Callable[[], None]
    ) -> None:
        super().__init__(
            application,
            endpoints=["ours"],  # Daphne wants some; it would open them itself, and say nothing when it can't
            ping_interval=float("inf"),  # the session pings, for it alone knows whether its client is congested
            ping_timeout=0,
            websocket_timeout=-1,
            websocket_max_message_size=message_max_bytes,
            websocket_max_frame_size=message_max_bytes,
            ready_callable=self._listen,
            server_name="tideline",
            verbosity=0,
        )
        self.endpoints: list[str] = []
        self._listener = listener
        self._ready = ready
        self._ports: list[Any] = []
        self._all_gone: asyncio.Event | None = None

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application with the extension in its scope, and no root path of the client's choosing."""
        scope["root_path"] = self.root_path  # Daphne believes a header of the client's
        if isinstance(protocol, Connection):
            transport: Transport = protocol.socket
            scope["extensions"] = {EXTENSION: transport}
        return super().create_application(protocol, scope)

    def protocol_disconnected(self, protocol: Any) -> None:
        """Note the end of a connection, and of the last one while the server stops."""
        super().protocol_disconnected(protocol)
        if self._all_gone and not any(True for _ in self._open()):
            self._all_gone.set()

    def kill_all_applications(self) -> Any:
        """Say goodbye before the reactor stops (Daphne's raises KeyError for a request without an application)."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._wind_down(), loop=twisted_loop))

    def _listen(self) -> None:
        self.ws_factory.protocol = Connection
        self.ws_factory.setProtocolOptions(
            failByDrop=False,  # answer 1009 and 1007 instead of cutting the line
            allowNullOrigin=True,  # as Daphne has it: this call would take it back
        )
        self._ports = self.open_ports()
        self._ready()

    def open_ports(self) -> list[Any]:
        """Take connections; return the ports, which are closed when the server stops. One of several does more."""
        return [reactor.adoptStreamPort(self._listener.fileno(), self._listener.family, self.http_factory)]

    def _open(self) -> Iterable[Any]:
        return (protocol for protocol, details in self.connections.items() if "disconnected" not in details)

    async def _wind_down(self) -> None:
        for port in self._ports:
            port.stopListening()
        self._all_gone = asyncio.Event()
        waiting = list(self._open())
        for protocol in waiting:
            if isinstance(protocol, Connection):
                protocol.socket.close(GOING_AWAY, "the server is going away")
        if waiting:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), GOODBYE_SECONDS)
        found = (details.get("application_instance") for details in self.connections.values())
        instances = [instance for instance in found if instance is not None]
        if instances:
            await asyncio.wait(instances, timeout=END_SECONDS)
        await self._cancel_the_rest()

    async def _cancel_the_rest(self) -> None:
        """Cancel what still runs, background tasks of the application included, and wait for it to end."""
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=END_SECONDS)
