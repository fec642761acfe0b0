"""Daphne, knowing its sockets: it offers each WebSocket's `Transport` to the application and says goodbye.

What differs from plain Daphne: a session can see that its client doesn't take what was written (Daphne's
`send` never waits), closes carry their code and reason, oversize and broken frames are answered with 1009
and 1007 instead of a cut, whatever stands as the Origin is for the application to judge, and SIGTERM closes
every socket with `GOING_AWAY` before anything is cancelled. An idle connection costs no processor time: ended
applications are seen when they end, where Daphne looks at each of them every second.

Importing this module installs Twisted's asyncio reactor. What is used of Daphne, autobahn and Twisted that is
not theirs to keep is named in `realtime.server.parts`.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from autobahn.websocket import protocol as autobahn
from daphne.server import Server as DaphneServer
from daphne.server import twisted_loop
from twisted.internet import defer, reactor
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    STDLibLogObserver,
    globalLogPublisher,
)

from realtime.server.budget import Budget
from realtime.server.connection import Connection
from realtime.server.extension import EXTENSION, GOING_AWAY, Transport
from realtime.server.inbox import Inbox
from realtime.server.transport import bound_kernel

logger = logging.getLogger("realtime.server")

ASGI = {"version": "3.0"}
"""Stands in every scope."""

ERRORS = FilteringLogObserver(
    STDLibLogObserver("realtime.server.twisted"),
    [LogLevelFilterPredicate(LogLevel.error)],
    lambda _event: None,
)
"""Hands Twisted's errors to logging: an exception in a connection of ours is among them."""

GOODBYE_SECONDS = 2.0
"""How long SIGTERM waits for clients to answer their close frames and for requests to be answered."""

END_SECONDS = 0.5
"""How long applications whose clients are gone may take to end, and then what was cancelled."""

SLICE_SECONDS = 0.005
"""How long the goodbyes may hold the loop at a time."""

SLICING_SECONDS = 1.0
"""How long the goodbyes make way for others; then the rest is told at once, for the process has to end."""


def _pass_origin(_origin: str) -> str:
    """Take every Origin for "null", which is allowed: autobahn answers one that it can't read with 400.

    A browser shows no code then. The application reads the header itself, and closes with a code.
    """
    return "null"


autobahn._url_to_origin = _pass_origin


class Server(DaphneServer):
    """Serve an ASGI application on a listening socket until SIGTERM or SIGINT.

    `ready` is called once connections are taken; `message_max_bytes` bounds a client's message, and the other
    two what may be queued for one socket and for all.
    """

    def __init__(
        self,
        application: Any,
        *,
        listener: socket.socket,
        message_max_bytes: int,
        connection_queue_bytes: int,
        process_queue_bytes: int,
        ready: Callable[[], None],
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
        self._budget = Budget(connection_bytes=connection_queue_bytes, process_bytes=process_queue_bytes)
        self._ready = ready
        self._ports: list[Any] = []
        self._open = 0
        self._all_gone = asyncio.Event()

    # Connections and their applications

    def protocol_connected(self, protocol: Any) -> None:
        """Note a request or a WebSocket."""
        super().protocol_connected(protocol)
        self._open += 1

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application with the extension in its scope, and no root path of the client's choosing."""
        scope["root_path"] = self.root_path  # Daphne believes a header of the client's
        if isinstance(protocol, Connection):
            transport: Transport = protocol.socket
            scope["extensions"] = {EXTENSION: transport}
            scope["asgi"] = ASGI
            queue: Any = Inbox()
            send = partial(self.handle_reply, protocol)
            running = self.application(scope=scope, receive=queue.get, send=send)
            task = self.connections[protocol]["application_instance"] = twisted_loop.create_task(running)
        else:
            queue = super().create_application(protocol, scope)
            task = self.connections[protocol]["application_instance"]
        task.add_done_callback(partial(self._application_ended, protocol))
        return queue

    def protocol_disconnected(self, protocol: Any) -> None:
        """Note the end of a connection, whose application may go on for a while."""
        details = self.connections.get(protocol)
        if details is None or "disconnected" in details:
            return
        details["disconnected"] = time.time()
        self._open -= 1
        if not self._open:
            self._all_gone.set()
        task = details.get("application_instance")
        if task is None:
            del self.connections[protocol]
        else:
            details["killing"] = twisted_loop.call_later(self.application_close_timeout, self._kill, task)

    def _application_ended(self, protocol: Any, task: "asyncio.Task[None]") -> None:
        details = self.connections[protocol]
        del details["application_instance"]
        if "disconnected" in details:
            details["killing"].cancel()
            del self.connections[protocol]
        if task.cancelled() or (exception := task.exception()) is None:
            return
        logger.error("an application failed: %s", exception, exc_info=exception)
        if "disconnected" not in details:
            protocol.handle_exception(exception)

    def _kill(self, task: "asyncio.Task[None]") -> None:
        logger.warning(
            "an application went on for %s s after its client and is cancelled", self.application_close_timeout
        )
        task.cancel()

    def application_checker(self) -> None:
        """Look for nothing: an application that ends calls `_application_ended`."""

    def timeout_checker(self) -> None:
        """Look for nothing: autobahn times its handshakes by itself, and nothing else times out."""

    # Begin and end

    def _listen(self) -> None:
        self.ws_factory.setProtocolOptions(
            failByDrop=False,  # answer 1009 and 1007 instead of cutting the line
            allowNullOrigin=True,  # as Daphne has it: this call would take it back
        )
        self.ws_factory.protocol = Connection.like(self.ws_factory, self._budget)
        bound_kernel(self._listener)
        globalLogPublisher.addObserver(ERRORS)  # Daphne has switched Twisted's log off
        self._ports = self.open_ports()
        self._ready()

    def open_ports(self) -> list[Any]:
        """Take connections from now on; return the ports to stop listening on."""
        return [reactor.adoptStreamPort(self._listener.fileno(), self._listener.family, self.http_factory)]

    def kill_all_applications(self) -> Any:
        """Say goodbye before the reactor stops (Daphne's raises KeyError for a request without an application)."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._wind_down(), loop=twisted_loop))

    async def _wind_down(self) -> None:
        for port in self._ports:
            port.stopListening()
        await self._say_goodbye()
        self._all_gone.clear()
        if self._open:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), GOODBYE_SECONDS)
        found = (details.get("application_instance") for details in self.connections.values())
        instances = [instance for instance in found if instance is not None]
        if instances:
            await asyncio.wait(instances, timeout=END_SECONDS)
        await self._cancel_the_rest()

    async def _say_goodbye(self) -> None:
        """Close every WebSocket, in slices at first: clients answer, and sessions end, while others are being told."""
        slice_end = twisted_loop.time() + SLICE_SECONDS
        hurry = twisted_loop.time() + SLICING_SECONDS
        for protocol in list(self.connections):
            if isinstance(protocol, Connection):
                protocol.socket.close(GOING_AWAY, "the server is going away")
            if slice_end < twisted_loop.time() < hurry:
                await asyncio.sleep(0)
                slice_end = twisted_loop.time() + SLICE_SECONDS

    async def _cancel_the_rest(self) -> None:
        """Cancel what still runs, background tasks of the application included, and wait for it to end.

        Not requests: to cancel one is to wait, on the loop, for the thread that answers it.
        """
        requests = (details for protocol, details in self.connections.items() if not isinstance(protocol, Connection))
        spared = {details.get("application_instance") for details in requests}
        rest = asyncio.all_tasks() - {asyncio.current_task(), *spared}
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=END_SECONDS)
