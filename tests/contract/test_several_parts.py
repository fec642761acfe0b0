"""What one of several servers uses of Twisted is there in the installed version, and is what it was."""

import socket
from typing import Any

import daphne.server  # noqa: F401 (chooses the reactor: the next import would choose another)
from twisted.internet import reactor
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from realtime.server.loads import AT_ONCE, Loads
from realtime.server.several import PARTS, fair

ENDED = Failure(ConnectionDone())


def test_the_parts_are_there() -> None:
    """Every attribute that is overridden or used exists."""
    assert [(owner.__name__, name) for owner, names in PARTS for name in names if not hasattr(owner, name)] == []


def test_a_port_takes_as_many_as_it_is_told() -> None:
    """`numberAccepts` bounds what one wake-up takes; who is ahead of others takes none at first, and then some."""
    loads = Loads(2)
    loads.join(1)
    loads.join(2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = fair(loads, 1)._fromListeningDescriptor(reactor, listener.fileno(), listener.family, Taking())
        port.startListening()
        clients = [socket.create_connection(listener.getsockname()) for _ in range(3 * AT_ONCE)]
        port.doRead()
        assert loads.of(1) == AT_ONCE
        port.doRead()
        assert loads.of(1) == AT_ONCE
        port._go_on()
        port.doRead()
        assert loads.of(1) == 2 * AT_ONCE
        loads.leave(2)
        port.doRead()
        assert loads.of(1) == 3 * AT_ONCE
        port.factory.end()
        assert loads.of(1) == 0
        for client in clients:
            client.close()
        port.connectionLost(ENDED)


class Taking:
    """A factory that keeps the connections that it is given."""

    noisy = False

    def doStart(self) -> None:  # noqa: N802 (Twisted's name)
        """Take that a port listens."""

    def doStop(self) -> None:  # noqa: N802 (Twisted's name)
        """Take that it does no more."""

    def __init__(self) -> None:
        self.taken: list[Kept] = []

    def buildProtocol(self, address: object) -> "Kept":  # noqa: N802 (Twisted's name)
        """Take one."""
        self.taken.append(Kept())
        return self.taken[-1]

    def end(self) -> None:
        """End them all."""
        for each in self.taken:
            each.transport.connectionLost(ENDED)


class Kept:
    """A connection."""

    def makeConnection(self, transport: Any) -> None:  # noqa: N802 (Twisted's name)
        """Keep its transport."""
        self.transport = transport

    def connectionLost(self, reason: object) -> None:  # noqa: N802 (Twisted's name)
        """Take that it has ended."""
