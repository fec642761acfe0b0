"""One of several servers on one port: it takes its share of the connections, and has a port of its own.

All processes wait on one listening socket: what is queued there is taken by whichever is free, and survives the
death of any. Left to themselves the first one to wake would take most of those that come one by one, and keep
them for hours; so whoever has more than others waits for a moment before it takes more, as
docs/decisions/processes-share-one-socket.md has it.

Importing this module installs Twisted's reactor. `PARTS` names what is used of Twisted besides its interface.
"""

import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import daphne.server  # noqa: F401 (chooses the reactor: the next import would choose another)
from twisted.internet import reactor, tcp

from realtime.server.daphne import Server
from realtime.server.loads import AT_ONCE, Loads
from realtime.server.processes import STOP_SECONDS

PARTS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (tcp.Port, ("_fromListeningDescriptor", "startListening", "transport", "doRead", "startReading", "stopReading")),
    (tcp.Server, ("connectionLost",)),  # deletes its `protocol`
)
"""What this module overrides or reads of classes that are not ours (`numberAccepts` is an attribute of a port)."""

POLITE_SECONDS = 0.01
"""How long connections are left to processes that have fewer; then these are busy, and waiting helps nobody."""

TURN_SECONDS = 5.0
"""How often a process says that its loop turns."""


def fair(loads: Loads, number: int) -> type[Any]:
    """Return a kind of Twisted port that takes one process's share."""

    class Counted(tcp.Server):
        """A connection that counts."""

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            loads.add(number, 1)

        def connectionLost(self, reason: Any) -> None:
            """Count it out, once: Twisted may call twice, and tells the second time by what it has let go of."""
            if hasattr(self, "protocol"):
                loads.add(number, -1)
            super().connectionLost(reason)

    class FairPort(tcp.Port):
        """A listening socket that others wait on too."""

        transport = Counted
        _waited = False

        def doRead(self) -> None:
            """Take the share; ahead of others, wait first."""
            allowance = loads.allowance(number)
            if not allowance and not self._waited:
                self.stopReading()
                reactor.callLater(POLITE_SECONDS, self._go_on)
                return
            self._waited = False
            self.numberAccepts = allowance or AT_ONCE
            super().doRead()

        def _go_on(self) -> None:
            if self.connected and not self.disconnecting:
                self._waited = True
                self.startReading()

    return FairPort


END_SECONDS = STOP_SECONDS - 1.0
"""A process that stops is gone after so long, even if its loop hangs in somebody's query."""


class OneOfSeveral(Server):
    """Process `number` of those that share `listener`; `own` is a listening socket that it alone has.

    `turning` is called every few seconds while the loop turns.
    """

    def __init__(
        self,
        application: Any,
        *,
        listener: socket.socket,
        own: socket.socket | None,
        loads: Loads,
        number: int,
        ready: Callable[[], None],
        turning: Callable[[], None],
        **bounds: int,
    ) -> None:
        super().__init__(application, listener=listener, ready=self._join, **bounds)
        self._own = own
        self._loads = loads
        self._number = number
        self._joined = ready
        self._turning = turning

    def open_ports(self) -> list[Any]:
        """Take connections from the shared socket and from its own."""
        kind = fair(self._loads, self._number)
        shared = kind._fromListeningDescriptor(
            reactor, self._listener.fileno(), self._listener.family, self.http_factory
        )
        shared.startListening()
        if self._own is None:
            return [shared]
        return [shared, reactor.adoptStreamPort(self._own.fileno(), self._own.family, self.http_factory)]

    def _join(self) -> None:
        # Twisted has copies: with these closed too, nobody is kept waiting by a server that stops.
        self._listener.close()
        if self._own:
            self._own.close()
        self._loads.join(self._number)
        reactor.addSystemEventTrigger("before", "shutdown", self._leave)
        self._turn()
        self._joined()

    def _leave(self) -> None:
        self._loads.leave(self._number)
        # A thread that waits for PostgreSQL can't be ended, and whoever waits for it waits too.
        last = threading.Timer(END_SECONDS, os._exit, (0,))
        last.daemon = True
        last.start()

    def _turn(self) -> None:
        self._turning()
        reactor.callLater(TURN_SECONDS, self._turn)
