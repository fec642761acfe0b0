"""The NATS server's WebSocket listener; publishing over its own TCP protocol, PUB without acknowledgement.

No compression, no TLS (as for all), no JetStream: core NATS keeps nothing. The server's own limits (64 MB pending
per client, 10 s to write) are left as they are: nobody is slow enough here to meet them.
"""

from bench.fanout.load import Audience
from bench.fanout.subjects import Change, message
from bench.peers.installing import debian, in_debian
from bench.peers.peer import Peer, Publisher
from core.demo.embedded.folders import free_port

CONFIGURATION = """
listen: "127.0.0.1:{inside}"
websocket {{
  listen: "127.0.0.1:{port}"
  no_tls: true
  compression: false
}}
"""


class Nats(Peer):
    """A broker in Go, which coalesces what is due to a client into one write."""

    name = "NATS"

    def install(self) -> None:
        """Unpack Debian's nats-server."""
        debian("nats-server")

    def begin(self) -> Publisher:
        """Start the server."""
        inside = free_port()
        file = self.folder / "nats.conf"
        file.write_text(CONFIGURATION.format(inside=inside, port=self.port))
        self.run(in_debian(debian("nats-server"), "usr/sbin/nats-server"), "-c", file)
        return Publisher(inside, b'CONNECT {"verbose":false,"pedantic":false}\r\n')

    def audience(self, connections: int) -> Audience:
        """Clients whose SUB came before the PING that is answered; several messages may share a frame."""
        connect = r'binary CONNECT {"verbose":false,"pedantic":false,"protocol":1,"echo":false}\r\n'
        script = ["wait INFO", rf"{connect}SUB {self.subscribed} 1\r\nPING\r\n", "wait PONG"]
        return Audience(self.port, connections, path="/", script=script, stream=True)

    def encode(self, change: Change) -> bytes:
        """PUB."""
        data = message(change)
        return b"PUB %s %d\r\n%s\r\n" % (self.topic(change).encode(), len(data), data)
