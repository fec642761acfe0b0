"""Socket.IO on Node with its Redis adapter (programs/socket_io.js): one process, a room per topic.

WebSocket alone, no compression. A message is published as the adapter's own emitter does it: MessagePack of
[uid, packet, options] on the room's channel. `ws` is Socket.IO's default engine, its fastest that npm has.
"""

import json

import msgspec

from bench.fanout.load import Audience
from bench.fanout.subjects import Change, message
from bench.peers.installing import PROGRAMS, node, node_modules
from bench.peers.peer import Peer, Publisher
from bench.peers.redis import command, publisher_to

PATH = "/socket.io/?EIO=4&transport=websocket"

HEARTBEAT = "--reply=2=3"
"""Engine.IO's ping and pong are text frames of one digit."""

EVENT = 2
"""The type of packet that carries an event."""


def opening(topic: str) -> list[str]:
    """Return the script of a client: Engine.IO opens, the namespace is joined, then the room, acknowledged as 0."""
    return ["wait 0{", "text 40", "wait 40{", f'text 420["subscribe","{topic}"]', "wait 430["]


class SocketIo(Peer):
    """The usual way in Node."""

    name = "Socket.IO, Redis adapter"

    def install(self) -> None:
        """Fetch Node, and Socket.IO, its adapter and `redis` with npm."""
        node_modules()

    def begin(self) -> Publisher:
        """Start Valkey and Node."""
        valkey = self.run_valkey()
        variables = {"PORT": str(self.port), "REDIS_URL": valkey.url(), "NODE_ENV": "production"}
        self.run(node(), PROGRAMS / "socket_io.js", NODE_PATH=str(node_modules()), **variables)
        return publisher_to(valkey)

    def audience(self, connections: int) -> Audience:
        """Clients that are in their room."""
        return Audience(self.port, connections, path=PATH, script=opening(self.subscribed), options=[HEARTBEAT])

    def encode(self, change: Change) -> bytes:
        """PUBLISH as the adapter's emitter."""
        room = self.topic(change)
        packet = {"type": EVENT, "nsp": "/", "data": ["change", json.loads(message(change))]}
        options = {"rooms": [room], "except": [], "flags": {}}
        packed = msgspec.msgpack.encode(["bench", packet, options])
        return command(b"PUBLISH", f"socket.io#/#{room}#".encode(), packed)
