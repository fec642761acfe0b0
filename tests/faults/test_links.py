"""The links do what they are told: a proxy that lets everything pass would make every fault of a link a fiction."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.links import Manner
from tests.faults.switchboard import Switchboard
from tests.support.ports import free_port

LINK = "here-there"
TEXT = b"what goes there comes back" * 10


@pytest.fixture(scope="module")
def links() -> Iterator[tuple[Switchboard, int]]:
    """A switchboard with one link to a server that sends everything back, and the link's port."""
    listener = socket.create_server(("127.0.0.1", free_port()))
    threading.Thread(target=_echo, args=[listener], daemon=True).start()
    switchboard = Switchboard()
    port = switchboard.add(LINK, listener.getsockname()[1])
    switchboard.start()
    yield switchboard, port
    switchboard.stop()
    listener.close()


@pytest.fixture
def line(links: tuple[Switchboard, int]) -> Iterator[socket.socket]:
    """One connection through the link, which carries as ever."""
    links[0].behave(LINK)
    with socket.create_connection(("127.0.0.1", links[1]), timeout=5) as connection:
        yield connection


def _echo(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_send_back, args=[connection], daemon=True).start()


def _send_back(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except OSError:
            return


def there_and_back(connection: socket.socket, text: bytes = TEXT) -> float:
    """Send a text, and return how long it took until all of it was back."""
    began = time.monotonic()
    connection.sendall(text)
    found = b""
    while len(found) < len(text):
        more = connection.recv(65536)
        assert more, "the connection has ended"
        found += more
    assert found == text
    return time.monotonic() - began


def test_a_link_carries_everything_in_order(line: socket.socket) -> None:
    """A megabyte comes back as it went."""
    text = bytes(range(256)) * 4096
    threading.Thread(target=line.sendall, args=[text], daemon=True).start()
    found = b""
    while len(found) < len(text):
        found += line.recv(65536)
    assert found == text


def test_latency(links: tuple[Switchboard, int], line: socket.socket) -> None:
    """Both directions are late, and punctual again when it is over."""
    links[0].behave(LINK, Manner(delay_seconds=0.1))
    assert there_and_back(line) >= 0.2
    links[0].behave(LINK)
    assert there_and_back(line) < 0.2


def test_slicing(links: tuple[Switchboard, int], line: socket.socket) -> None:
    """A text comes in small pieces, complete."""
    links[0].behave(LINK, Manner(slice_bytes=8))
    line.sendall(TEXT)
    assert len(line.recv(65536)) < len(TEXT)
    links[0].behave(LINK)


def test_bandwidth(links: tuple[Switchboard, int], line: socket.socket) -> None:
    """Twenty kilobytes at a hundred a second take a fifth of a second in each direction."""
    links[0].behave(LINK, Manner(bytes_per_second=100_000))
    assert there_and_back(line, b"x" * 20_000) >= 0.2


def test_nothing_passes_a_black_hole_and_nothing_is_lost(links: tuple[Switchboard, int], line: socket.socket) -> None:
    """What was sent into it arrives when it is over, also on a connection that was opened in it."""
    links[0].behave(LINK, Manner(black_hole=True))
    with socket.create_connection(("127.0.0.1", links[1]), timeout=5) as late:
        for connection in (line, late):
            connection.sendall(TEXT)
            connection.settimeout(0.2)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(5)
        links[0].behave(LINK)
        for connection in (line, late):
            assert connection.recv(65536)


def test_a_reset_ends_all_connections(links: tuple[Switchboard, int], line: socket.socket) -> None:
    """The client sees a reset, and a new connection works."""
    there_and_back(line)
    links[0].reset(LINK)
    with pytest.raises(ConnectionResetError):
        line.recv(1)
    with socket.create_connection(("127.0.0.1", links[1]), timeout=5) as another:
        there_and_back(another)


def test_a_cut_link_refuses(links: tuple[Switchboard, int], line: socket.socket) -> None:
    """Connections end, and new ones are ended at once."""
    there_and_back(line)
    links[0].behave(LINK, Manner(cut=True))
    with pytest.raises(ConnectionResetError):
        line.recv(1)
    # A late one may be told while it connects, or when it reads.
    with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", links[1]), timeout=5) as late:
        late.recv(1)
    links[0].behave(LINK)


def test_an_end_is_told_to_the_other_side(links: tuple[Switchboard, int], line: socket.socket) -> None:
    """A client that goes is gone there too: nothing is left in the link."""
    there_and_back(line)
    assert links[0].connections(LINK) >= 1
    line.close()
    deadline = time.monotonic() + 5
    while links[0].connections(LINK):
        assert time.monotonic() < deadline
        time.sleep(0.01)
