"""Frames of clients, read at a glance or by autobahn's parser: it makes no difference."""

import itertools
import random
import struct
from collections.abc import Callable, Iterator

import pytest

from realtime.server.incoming import plain_frame, unmasked
from tests.support.handshakes import MAX_BYTES, Peer

MASK = b"\x12\x34\xab\xcd"


def frame(first: int, payload: bytes = b"", mask: bytes = MASK) -> bytes:
    """Return a frame as a client sends it."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


STREAMS = {
    "an empty pong": frame(0x8A),
    "a pong with a mask of zeros": frame(0x8A, mask=bytes(4)),
    "a pong with a payload": frame(0x8A, b"x" * 125),
    "merged pongs": frame(0x8A) * 3,
    "texts": frame(0x81, b"one") + frame(0x81, "zwölf".encode()) + frame(0x81),
    "a binary message": frame(0x82, bytes(range(256))),
    "lengths": b"".join(frame(0x81, b"a" * size) for size in (125, 126, 127, 300)),
    "a long message": frame(0x81, b"a" * 66_000),
    "too long a message": frame(0x81, b"a" * (MAX_BYTES + 1)) + frame(0x81, b"after"),
    "a fragmented message with pongs between": frame(0x01, b"be")
    + frame(0x8A)
    + frame(0x00, b"gi")
    + frame(0x8A, b"p")
    + frame(0x80, b"n"),
    "pings and pongs": frame(0x89, b"are you there") + frame(0x8A) + frame(0x89),
    "a message, then a close": frame(0x81, b"last") + frame(0x88, b"\x03\xe8bye") + frame(0x81, b"never"),
    "text that is none": frame(0x81, b"\xff\xfe") + frame(0x81, b"after"),
    "a fragmented text that is none": frame(0x01, b"a") + frame(0x80, b"\xc3") + frame(0x81, b"after"),
    "an unmasked frame": b"\x81\x02hi",
    "an unmasked pong": b"\x8a\x00" + frame(0x81, b"after"),
    "a pong that is too long": b"\x8a\xfe\x00\x7e" + MASK + b"x" * 126,
    "a fragmented pong": frame(0x0A),
    "a length that is not the shortest": b"\x81\xfe\x00\x05" + MASK + b"abcde",
    "reserved bits": frame(0xC1, b"x"),
    "a reserved opcode": frame(0x83, b"x"),
    "a continuation of nothing": frame(0x80, b"x"),
}


@pytest.fixture
def connect() -> Iterator[Callable[..., Peer]]:
    """Make connections with their handshakes made."""
    made: list[Peer] = []

    def make(*, ours: bool) -> Peer:
        made.append(Peer(ours=ours))
        made[-1].accept()
        return made[-1]

    yield make
    for peer in made:
        peer.clean_up()


def parts(data: bytes, way: str) -> list[bytes]:
    """Cut a stream as a network might."""
    if way == "whole":
        return [data]
    if way == "byte by byte" and len(data) < 2000:
        return [data[n : n + 1] for n in range(len(data))]
    cuts = sorted(random.Random(way).choices(range(len(data)), k=7))
    return [data[begin:end] for begin, end in itertools.pairwise([0, *cuts, len(data)]) if end > begin]


def outcome(peer: Peer, pieces: list[bytes]) -> tuple[object, ...]:
    """Return what was heard, and first bytes and codes of what was answered, and whether it is open."""
    for piece in pieces:
        if not peer.stream.disconnecting:
            peer.protocol.dataReceived(piece)
    answered, at, data = [], 0, peer.written()
    while at < len(data):
        size = data[at + 1]
        payload = data[at + 2 : at + 2 + size]
        answered.append((data[at], payload[:2] if data[at] == 0x88 else payload))
        at += 2 + size
    pongs = peer.protocol.socket.pongs() if hasattr(peer.protocol, "socket") else peer.server.heard.count("PONG")
    return (
        [each for each in peer.server.heard if each != "PONG"],
        pongs,
        answered,
        peer.protocol.state == peer.protocol.STATE_OPEN,
    )


@pytest.mark.parametrize("way", ["whole", "byte by byte", "one", "two", "three"])
@pytest.mark.parametrize("name", STREAMS)
def test_frames_have_the_same_outcome_as_with_autobahn(name: str, way: str, connect: Callable[..., Peer]) -> None:
    """Messages, pongs counted, answers and close codes are those of Daphne's own protocol, however the bytes come."""
    pieces = parts(STREAMS[name], way)
    assert outcome(connect(ours=True), pieces) == outcome(connect(ours=False), pieces)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 124, 125])
def test_what_was_masked_is_unmasked(size: int) -> None:
    """Also where the payload is no multiple of the mask."""
    payload = bytes(range(size))
    data = b"??" + frame(0x82, payload)
    assert plain_frame(data, 2, 125) == (0x82, payload, len(data))
    assert unmasked(MASK, unmasked(MASK, payload)) == payload


def test_what_is_not_whole_or_too_long_is_left_to_autobahn() -> None:
    """Nothing is taken of it."""
    whole = frame(0x81, b"hello")
    assert [plain_frame(whole[:size], 0, 100) for size in range(len(whole))] == [None] * len(whole)
    assert plain_frame(whole, 0, 4) is None
    assert plain_frame(whole, 0, 5) == (0x81, b"hello", len(whole))
