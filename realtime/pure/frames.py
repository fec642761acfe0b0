"""Frames of protocol version 1: what the server sends, composed from prepared fragments.

Rows are encoded once, as fragments (`realtime.pure.fragments`), and cut into bodies; a frame is a few bytes
around a body, so that sending a change to one more client encodes nothing. Topic, epoch and id come in as
JSON already: a topic is encoded once per subscription, an id is echoed as it was written.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from realtime.errors import PeerError

PROTOCOL: Final = 1
SUBPROTOCOL: Final = "realtime.v1"

HEARTBEAT: Final = b'{"type":"heartbeat"}'

_encode: Final = msgspec.json.Encoder().encode


def text(value: str) -> bytes:
    """Return a string as JSON."""
    return _encode(value)


def welcome(session: str, user: str | None, heartbeat_seconds: float, limits: Mapping[str, float]) -> bytes:
    """Compose the first frame on a connection; `user` None for an anonymous client."""
    return _encode(
        {
            "type": "welcome",
            "protocol": PROTOCOL,
            "session": session,
            "user": user,
            "heartbeat_seconds": whole if (whole := int(heartbeat_seconds)) == heartbeat_seconds else heartbeat_seconds,
            "limits": limits,
        }
    )


def snapshot(
    topic: bytes, epoch: bytes, position: int, body: bytes, *, reply_to: bytes | None, first: bool, last: bool
) -> bytes:
    """Compose one frame of a snapshot; `reply_to` None for a push."""
    return b'{"type":"snapshot"%b,"topic":%b,"epoch":%b,"position":%d,"rows":[%b],"first":%b,"last":%b}' % (
        _id(reply_to),
        topic,
        epoch,
        position,
        body,
        b"true" if first else b"false",
        b"true" if last else b"false",
    )


def resumed(topic: bytes, epoch: bytes, position: int, *, reply_to: bytes) -> bytes:
    """Compose the answer to a subscribe whose cursor is good; it echoes the cursor."""
    return b'{"type":"resumed"%b,"topic":%b,"epoch":%b,"position":%d}' % (_id(reply_to), topic, epoch, position)


def changes(topic: bytes, position: int, body: bytes = b"", *, last: bool = True) -> bytes:
    """Compose a `changes` frame; `last` false on all parts but the final one of what was split."""
    part = b"" if last else b',"last":false'
    return b'{"type":"changes","topic":%b,"position":%d,"changes":[%b]%b}' % (topic, position, body, part)


def change_frames(topic: bytes, position: int, parts: Sequence[bytes]) -> list[bytes]:
    """Compose the `changes` frames of one update, whose fragments were cut into `parts`."""
    final = len(parts) - 1
    return [changes(topic, position, body, last=index == final) for index, body in enumerate(parts)]


def unsubscribed(topic: bytes, *, reply_to: bytes | None = None, code: str | None = None, retry: bool = False) -> bytes:
    """Compose the end of a subscription: the answer to a command (`reply_to`), or a push that says why (`code`)."""
    reason = b',"code":%b' % _encode(code) if code is not None else b""
    if retry:
        reason += b',"retry":true'
    return b'{"type":"unsubscribed","topic":%b%b%b}' % (topic, _id(reply_to), reason)


def pong(reply_to: bytes) -> bytes:
    """Compose the answer to a ping."""
    return b'{"type":"pong"%b}' % _id(reply_to)


def error(failure: PeerError, *, reply_to: bytes | None) -> bytes:
    """Compose an error; `reply_to` None when the message had none to echo."""
    return b'{"type":"error"%b,"code":%b,"message":%b,"retry":%b}' % (
        _id(reply_to),
        _encode(failure.code),
        _encode(failure.message),
        b"true" if failure.retry else b"false",
    )


def _id(reply_to: bytes | None) -> bytes:
    return b"" if reply_to is None else b',"id":%b' % reply_to
