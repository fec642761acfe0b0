"""What the server uses of Daphne, autobahn and Twisted is there in the installed versions, and is what it was."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from autobahn.websocket import protocol as autobahn
from daphne.server import Server as DaphneServer
from twisted.internet.abstract import FileDescriptor

from realtime.server.connection import SHARED, initial_values
from realtime.server.parts import HANDSHAKE, PARTS
from tests.support.handshakes import Peer

PLAIN = (type(None), bool, int, float, str, bytes, tuple, staticmethod)
"""Types of values that may stand on a class for all connections."""


@pytest.fixture
def ours() -> Iterator[Peer]:
    """A connection of ours, its handshake under way."""
    peer = Peer(ours=True)
    yield peer
    peer.clean_up()


@pytest.fixture
def plain() -> Iterator[Peer]:
    """A connection of Daphne's own, beside it."""
    peer = Peer(ours=False)
    yield peer
    peer.clean_up()


def test_the_parts_are_there() -> None:
    """Every attribute of a class that is overridden or used exists."""
    missing = [(owner.__name__, name) for owner, names in PARTS for name in names if not hasattr(owner, name)]
    assert missing == []


def test_what_instances_have_is_there(plain: Peer) -> None:
    """So do those that only instances have: a stream's buffers, a server's bounds, autobahn's state of a frame."""
    for name in ("dataBuffer", "offset", "_tempDataLen", "producer", "TLS"):
        assert hasattr(plain.stream, name)
    for name in ("application_close_timeout", "application", "root_path"):
        assert hasattr(DaphneServer(None, endpoints=["x"]), name)
    plain.accept()
    for name in ("state", "inside_message", "current_frame", "data", "maxFramePayloadSize", "application_queue"):
        assert hasattr(plain.protocol, name)


def test_a_connection_begins_as_autobahn_has_it_begin(ours: Peer, plain: Peer) -> None:
    """Every attribute of Daphne's own connection has the same value on ours, but for those that we name."""
    named = {
        *SHARED,
        "utf8validateIncoming",
        "is_open",
        "is_closed",
        "factory",
        "transport",
        "_valid_events",
        "_results",
    }
    changed = {"handshake_deferred", "openHandshakeTimeoutCall", "application_deferred", "application_queue", "server"}
    changed |= {"perMessageCompressionAccept"}  # a function of each factory's own
    own = vars(plain.protocol)
    for name in own.keys() - named - changed - HANDSHAKE:
        assert getattr(ours.protocol, name) == own[name], name
    for name in changed | (HANDSHAKE & own.keys()):
        assert hasattr(ours.protocol, name), name
    assert ours.protocol.perMessageCompressionAccept([]) is None


def test_only_what_can_be_shared_stands_on_the_class(plain: Peer) -> None:
    """What autobahn makes anew for each connection is named in SHARED: a mutable value more would be one for all."""
    found = initial_values(plain.factory)
    replaced = {*SHARED, "is_open", "is_closed", "_valid_events", "_results"}
    mutable = {name for name, value in found.items() if not isinstance(value, PLAIN)}
    assert mutable - replaced <= {
        "versions",
        "allowedOrigins",
        "allowedOriginsPatterns",
    }  # options, lists of the factory
    assert plain.factory.countConnections == 1


def test_the_handshake_is_what_is_forgotten(ours: Peer) -> None:
    """Each name in HANDSHAKE is set by the handshake and gone after it; what stays is short, and reads as None."""
    before = vars(ours.protocol).keys() | {
        "http_response_data",
        "websocket_extensions_in_use",
        "websocket_protocol_in_use",
    }
    assert before >= HANDSHAKE
    ours.accept()
    after = vars(ours.protocol)
    assert not after.keys() & HANDSHAKE
    assert len(after) < 20, sorted(after)
    assert {getattr(ours.protocol, name) for name in HANDSHAKE} == {None}


def test_twisted_asks_for_more_when_its_buffer_is_empty() -> None:
    """A pull producer is resumed each time, paused or not; and a write is put behind what waits."""
    source = inspect.getsource(FileDescriptor.doWrite)
    assert "(not self.streamingProducer) or self.producerPaused" in source
    assert "self._tempDataBuffer.append(data)" in inspect.getsource(FileDescriptor.write)


def test_autobahn_sends_everything_through_send_data() -> None:
    """Nothing of autobahn's reaches the socket by another way, which might overtake what waits."""
    found = [
        name
        for kind in (autobahn.WebSocketProtocol, autobahn.WebSocketServerProtocol)
        for name, member in vars(kind).items()
        if inspect.isfunction(member) and "transport.write" in inspect.getsource(member)
    ]
    assert sorted(found) == ["_send", "sendData"]


@pytest.mark.parametrize("name", ["sendCloseFrame", "dropConnection", "_connectionLost"])
def test_a_connection_leaves_the_open_state_here_alone(name: str) -> None:
    """Only these three end the open state, and after each of them no write goes out."""
    owner: Any = autobahn.WebSocketProtocol
    assert "self.state = " in inspect.getsource(getattr(owner, name))
    others = [
        found
        for found, member in vars(owner).items()
        if inspect.isfunction(member) and "self.state = " in inspect.getsource(member)
    ]
    assert set(others) == {"sendCloseFrame", "dropConnection", "_connectionLost", "_connectionMade"}
