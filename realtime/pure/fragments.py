"""Fragments: one row as it stands in a frame, encoded once and then only joined.

{"kind":"stocklevel","key":"7","row":{…}}        "row":null is a removal and carries the key alone
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from realtime.pure.changes import RowKey

ENVELOPE_BYTES = 4 * 1024
"""Room that a body leaves in its frame for everything around it (type, topic, epoch, the command's id)."""


class Fragment(msgspec.Struct):
    """The wire shape of one row."""

    kind: str
    key: str
    row: Any


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} can't be shown: give text, numbers, booleans, lists or mappings")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def encode_fragment(key: RowKey, shown: Mapping[str, Any] | None) -> bytes:
    """Return the JSON of one row (None: its removal); Decimals become strings.

    Raises TypeError, ValueError or NotImplementedError for a value that JSON has no form for.
    """
    return _encoder.encode(Fragment(key.kind, key.key, shown))


def cut(fragments: Iterable[bytes], frame_max_bytes: int) -> list[bytes]:
    """Join fragments by commas into bodies, each small enough for a frame of at most `frame_max_bytes`.

    No fragments make no body. A single fragment over the limit is a body of its own.
    """
    limit = frame_max_bytes - ENVELOPE_BYTES
    bodies: list[bytes] = []
    gathered: list[bytes] = []
    size = 0
    for fragment in fragments:
        if gathered and size + len(fragment) > limit:
            bodies.append(b",".join(gathered))
            gathered, size = [], 0
        gathered.append(fragment)
        size += len(fragment) + 1
    if gathered:
        bodies.append(b",".join(gathered))
    return bodies
