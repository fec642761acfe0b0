"""`ws` on Node with Redis, written by hand (programs/ws.js): one process, one SUBSCRIBE per topic.

The message goes through as it is: the publisher's PUBLISH carries the bytes that the clients get, framed once.

There are two of it. The first writes each message to each socket, as is usual. The second writes what came in one turn
of the event loop at once; it is the harder one to beat at saturation.
"""

import json

from bench.fanout.load import Audience
from bench.fanout.subjects import Change, message
from bench.peers.installing import PROGRAMS, node, node_modules
from bench.peers.peer import Peer, Publisher
from bench.peers.redis import command, publisher_to


class NodeWs(Peer):
    """A hub of one's own in Node."""

    name = "Node ws + Redis"
    mode = "each"

    def install(self) -> None:
        """Fetch Node, and `ws` and `redis` with npm."""
        node_modules()

    def begin(self) -> Publisher:
        """Start Valkey and Node."""
        valkey = self.run_valkey()
        variables = {"PORT": str(self.port), "REDIS_URL": valkey.url(), "NODE_ENV": "production"}
        self.run(node(), PROGRAMS / "ws.js", self.mode, NODE_PATH=str(node_modules()), **variables)
        return publisher_to(valkey)

    def audience(self, connections: int) -> Audience:
        """Subscribers that have been told that they are."""
        subscribe = json.dumps({"subscribe": self.subscribed})
        return Audience(self.port, connections, path="/", script=[f"text {subscribe}", 'wait "subscribed"'])

    def encode(self, change: Change) -> bytes:
        """PUBLISH the message to the topic's channel."""
        return command(b"PUBLISH", self.topic(change).encode(), message(change))


class NodeWsCoalescing(NodeWs):
    """The same with one write for all frames of a turn."""

    name = "Node ws + Redis, coalescing"
    mode = "coalescing"
