"""The load client of the benchmarks can fail: a server that loses, doubles or reorders a message is told apart."""

import shutil
import socket
import struct
import threading
from collections.abc import Iterator, Sequence

import pytest

from bench.fanout.load import Audience, Load, settle, stamp

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")

TEXT, BINARY, CLOSE = 0x81, 0x82, 0x88
UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class Server:
    """Takes WebSockets in their order of coming, and sends what it is told to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        self.requests: list[bytes] = []
        self.greeting = b""
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def send(self, number: int, frame: bytes) -> None:
        """Send bytes on a connection."""
        self.sockets[number].sendall(frame)

    def send_all(self, frame: bytes) -> None:
        """Send bytes on every connection."""
        for each in self.sockets:
            each.sendall(frame)

    def close(self) -> None:
        """End."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for each in self.sockets:
            each.close()

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += connection.recv(4096)
            self.requests.append(request)
            self.sockets.append(connection)
            connection.sendall(UPGRADE + self.greeting)


@pytest.fixture
def server() -> Iterator[Server]:
    it = Server()
    yield it
    it.close()


def frame(payload: bytes, first: int = TEXT) -> bytes:
    """Return an unmasked frame."""
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    return bytes([first, 126]) + struct.pack("!H", len(payload)) + payload


def messages(*numbers: int, spaced: bool = False) -> bytes:
    """Return one frame that holds these numbers."""
    form = '{{"n": {n}, "t": {t}, "text": "x"}}' if spaced else '{{"n":{n},"t":{t},"text":"x"}}'
    return frame(",".join(form.format(n=number, t=stamp()) for number in numbers).encode())


def audience(server: Server, connections: int = 2, **options: object) -> Audience:
    """Return subscribers that come one after another."""
    return Audience(server.port, connections, at_once=1, **options)  # type: ignore[arg-type]


def faults(server: Server, frames: Sequence[bytes], number: int, connections: int = 2) -> dict[str, int]:
    """Return what is found wrong when the first connection gets these frames, and the others each number once."""
    with Load(audience(server, connections)) as load:
        load.connect()
        for other in range(1, connections):
            server.send(other, b"".join(messages(each + 1) for each in range(number)))
        server.send(0, b"".join(frames))
        settle(load, number, quiet_seconds=1.0)
        report = load.report(number)
    names = ("deliveries", "lost", "missing", "doubled", "reordered", "untimed")
    return {name: report[name] for name in names if report[name]}


def test_what_arrives_once_and_in_order_is_faultless(server: Server) -> None:
    """Contiguous numbers are deliveries, whether a frame holds one of them or several."""
    assert faults(server, [messages(1), messages(2, 3, spaced=True), messages(4)], 4) == {"deliveries": 8}


def test_a_lost_message_is_seen(server: Server) -> None:
    """A number that is passed over and never comes is lost."""
    assert faults(server, [messages(1), messages(2), messages(4)], 4) == {"deliveries": 7, "lost": 1}


def test_a_message_lost_at_the_end_is_seen(server: Server) -> None:
    """What has not come by the end is missing, though nothing came after it."""
    assert faults(server, [messages(1), messages(2, 3)], 4) == {"deliveries": 7, "missing": 1}


def test_a_doubled_message_is_seen(server: Server) -> None:
    """A number that comes again is doubled, and no delivery."""
    assert faults(server, [messages(1, 2), messages(2), messages(3, 4)], 4) == {"deliveries": 8, "doubled": 1}


def test_a_reordered_message_is_seen(server: Server) -> None:
    """A number that comes after a higher one was delivered, but out of order: it is neither lost nor doubled."""
    assert faults(server, [messages(1, 3), messages(2), messages(4)], 4) == {"deliveries": 8, "reordered": 1}


def test_a_reordered_message_that_comes_again_is_doubled(server: Server) -> None:
    """What came late is remembered."""
    found = faults(server, [messages(1, 3), messages(2), messages(2), messages(4)], 4)
    assert found == {"deliveries": 8, "reordered": 1, "doubled": 1}


def test_a_message_without_a_time_is_told(server: Server) -> None:
    """A delivery whose delay is unknown is counted, so that percentiles of a part are not taken for the whole."""
    assert faults(server, [messages(1), frame(b'{"n":2,"text":"x"}')], 2) == {"deliveries": 4, "untimed": 1}


def test_frames_may_arrive_in_pieces(server: Server) -> None:
    """Where the kernel cuts the bytes makes no difference."""
    pieces = messages(1, 2) + messages(3)
    with Load(audience(server, 1)) as load:
        load.connect()
        for end in range(len(pieces)):
            server.send(0, pieces[end : end + 1])
        assert settle(load, 3)
        assert load.report(3)["deliveries"] == 3


def test_progress_is_that_of_the_slowest(server: Server) -> None:
    """`reached` is what all have, not what one has."""
    with Load(audience(server, 3)) as load:
        load.connect()
        server.send(0, messages(1, 2, 3))
        server.send(1, messages(1, 2))
        server.send(2, messages(1))
        assert settle(load, 1)
        server.send(2, messages(2, 3))
        assert settle(load, 2)
        assert load.report()["lowest"] == 2
        assert load.reached == 2


def test_a_stream_is_read_across_frames(server: Server) -> None:
    """With `stream`, binary payloads are one stream of bytes: a message may be cut anywhere."""
    text = f'{{"n":1,"t":{stamp()},"text":"{"x" * 150}"}}{{"n":2,"t":{stamp()},"text":"{"x" * 150}"}}'.encode()
    with Load(audience(server, 1, stream=True)) as load:
        load.connect()
        for byte in text:
            server.send(0, frame(bytes([byte]), BINARY))
        assert settle(load, 2)
        report = load.report(2)
    assert (report["deliveries"], report["untimed"], report["frames"]) == (2, 0, len(text))


def test_a_binary_frame_is_no_delivery_without_stream(server: Server) -> None:
    """A subject whose payloads are not looked into would seem to lose nothing."""
    with Load(audience(server, 1)) as load:
        load.connect()
        server.send(0, frame(b'{"n":1,"t":1}', BINARY) + messages(1))
        assert settle(load, 1)
        assert load.report(1)["deliveries"] == 1


def test_the_opening_follows_its_script(server: Server) -> None:
    """Each connection says its own lines, waits for the answer, and begins after the highest number of the snapshot."""
    server.greeting = frame(b'{"welcome":1}')
    script = ['text {"topic":"t/{i%2:03}","who":"{line}"}', 'wait "last":true']
    with Load(audience(server, 2, script=script, lines=["anna", "bert"], path="/{i}", start="snapshot")) as load:
        opened = threading.Thread(target=load.connect)
        opened.start()
        for number, who in enumerate(("anna", "bert")):
            said = b""
            expected = f'{{"topic":"t/00{number}","who":"{who}"}}'.encode()
            while not said.endswith(expected):
                while len(server.sockets) <= number:
                    opened.join(0.01)
                said += server.sockets[number].recv(4096)
            server.send(number, frame(b'{"n":6,"t":1},{"n":7,"t":1},"last":true'))
        opened.join()
        server.send_all(messages(8))
        assert settle(load, 8)
        report = load.report(8)
    assert server.requests[1].startswith(b"GET /1 HTTP/1.1\r\n")
    assert (report["deliveries"], report["lost"], report["missing"]) == (2, 0, 0)


def test_a_refused_handshake_is_counted(server: Server) -> None:
    """A connection that does not open is told, with the server's answer."""
    with Load(Audience(server.port, 1, script=["wait never"])) as load:
        server.greeting = frame(struct.pack("!H", 4503), CLOSE)
        opened = load.connect()
    assert (opened["connections"], opened["failed"]) == (0, 1)
    assert "4503" in opened["failure"]


def test_an_opening_that_does_not_end_is_given_up(server: Server) -> None:
    """A subject that never answers does not hold the benchmark up for good."""
    with Load(audience(server, 1, script=["wait never"], patience_seconds=0)) as load:
        opened = load.connect()
    assert (opened["connections"], opened["failed"]) == (0, 1)


def test_a_closed_connection_is_told(server: Server) -> None:
    """A connection that the server closes is told with its code, and no longer held to have reached anything."""
    with Load(audience(server, 2)) as load:
        load.connect()
        server.send(0, frame(struct.pack("!H", 4001), CLOSE))
        server.send(1, messages(1))
        assert settle(load, 1)
        report = load.report(1)
        assert [(each["connection"], each["code"]) for each in load.closed] == [(0, 4001)]
    assert (report["connections"], report["closes"]) == (1, {"4001": 1})


def test_stalled_connections_are_counted_apart(server: Server) -> None:
    """One that stops reading holds nobody up, and what it gets later is counted by itself."""
    with Load(audience(server, 2)) as load:
        load.connect()
        load.stall(0, 1)
        server.send_all(messages(1, 2))
        assert settle(load, 2)
        assert load.report()["apart"]["deliveries"] == 0
        load.resume(0, 1)
        server.send(0, messages(5))
        report = load.report()
        while report["apart"]["highest"] < 5:
            report = load.report()
    assert (report["deliveries"], report["lost"]) == (2, 0)
    assert (report["apart"]["deliveries"], report["apart"]["lost"]) == (3, 2)


def test_pings_are_answered(server: Server) -> None:
    """An idle subscriber stays alive."""
    with Load(audience(server, 1)) as load:
        load.connect()
        server.send(0, bytes([0x89, 2]) + b"hi")
        assert server.sockets[0].recv(100) == bytes([0x8A, 0x82, 0, 0, 0, 0]) + b"hi"
        assert load.report()["pings"] == 1
