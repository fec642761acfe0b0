"""Mosquitto's WebSocket listener; publishing over MQTT on TCP, QoS 0.

QoS 0 without a limit on what waits for a client (a limit would drop), TCP_NODELAY, nothing stored, no $SYS topics.
Mosquitto 2.0 serves its WebSocket clients between two waits of up to 100 ms for its own sockets, each step of the
opening and, when several messages are due, each message: delays and rates at saturation are those of that, and what
compares is CPU per delivery. No setting changes it.
"""

import struct

from bench.fanout.load import Audience
from bench.fanout.subjects import Change, message
from bench.peers.installing import debian, in_debian, libraries
from bench.peers.peer import Peer, Publisher
from core.demo.embedded.folders import free_port

CONFIGURATION = """
listener {port} 127.0.0.1
protocol websockets
listener {inside} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
max_queued_messages 0
persistence false
sys_interval 0
log_type error
user root
"""

CONNECT, PUBLISH, SUBSCRIBE = 0x10, 0x30, 0x82
CLEAN_SESSION = 2


def packet(kind: int, body: bytes) -> bytes:
    """Return an MQTT packet."""
    left, size = len(body), bytearray()
    while True:
        left, low = divmod(left, 128)
        size.append(low | (128 if left else 0))
        if not left:
            return bytes([kind, *size]) + body


def text(value: bytes) -> bytes:
    """Return a text with its length before it."""
    return struct.pack(">H", len(value)) + value


CONNECTING = packet(CONNECT, text(b"MQTT") + bytes([4, CLEAN_SESSION, 0, 0]) + text(b""))
"""MQTT 3.1.1, no keep-alive, a name of the broker's choosing."""


def escaped(data: bytes) -> str:
    """Return bytes as the load client's script spells them."""
    return "".join(f"\\x{byte:02x}" for byte in data)


class Mosquitto(Peer):
    """A small broker in C."""

    name = "Mosquitto"

    def install(self) -> None:
        """Unpack Debian's mosquitto."""
        debian("mosquitto")

    def begin(self) -> Publisher:
        """Start the broker."""
        inside = free_port()
        file = self.folder / "mosquitto.conf"
        file.write_text(CONFIGURATION.format(port=self.port, inside=inside))
        package = debian("mosquitto")
        self.run(in_debian(package, "usr/sbin/mosquitto"), "-c", file, LD_LIBRARY_PATH=libraries(package))
        return Publisher(inside, CONNECTING)

    def audience(self, connections: int) -> Audience:
        """Clients whose subscription was acknowledged."""
        connect = [f"binary {escaped(CONNECTING)}", r"wait \x20\x02\x00\x00"]
        script = [*connect, self._subscribing(), r"wait \x90\x03\x00\x01\x00"]
        return Audience(self.port, connections, path="/", script=script, subprotocol="mqtt", stream=True)

    def encode(self, change: Change) -> bytes:
        """PUBLISH, QoS 0."""
        return packet(PUBLISH, text(self.topic(change).encode()) + message(change))

    def _subscribing(self) -> str:
        """Return the line that subscribes: every topic of a scenario is as long as the first, so its sizes hold."""
        topic = self.topic(Change(1, 0 if self.keyed else -1)).encode()
        head, tail = packet(SUBSCRIBE, b"\0\1" + text(topic) + b"\0").split(topic)
        return f"binary {escaped(head)}{self.subscribed}{escaped(tail)}"
