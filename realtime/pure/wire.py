"""How a batch travels on the bus: one JSON object, its images embedded as they stand in the log.

    {"stream": "inventory", "epoch": "…", "after": 41, "since": "…", "head": 43, "mark": "…",
     "changes": [[inbox id, kind, key, capture version, flags, new image, old image], …]}

Positions are `after + 1` onwards. `changes` is null when the batch is too large for the wire: then it carries
positions alone, and the hub reads the range from the log.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from realtime.pure.changes import Batch, Capture, Change, Mark

ENDS = 1
RESET = 2


class LoggedRow(NamedTuple):
    """A row of the change log, its images as JSON text."""

    position: int
    inbox_id: int
    kind: str
    key: str
    version: str
    reset: bool
    ends: bool
    new: str | bytes | None
    old: str | bytes | None


class _WireChange(msgspec.Struct, array_like=True):
    inbox_id: int
    kind: str
    key: str
    version: str
    flags: int
    new: msgspec.Raw
    old: msgspec.Raw


class _WireBatch(msgspec.Struct):
    stream: str
    epoch: str
    after: int
    since: str
    head: int
    mark: str
    changes: list[_WireChange] | None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_WireBatch)
_NULL = b"null"


def encode_batch(
    stream: str, epoch: str, after: Mark, head: Mark, rows: Sequence[LoggedRow] | None, *, max_bytes: int
) -> bytes:
    """Return the payload of the changes above `after` up to `head`, without images when it would exceed `max_bytes`.

    `rows` are all rows of the range in order, or None where their number alone forbids sending them.
    """
    batch = _WireBatch(stream, epoch, after.position, after.mark, head.position, head.mark, None)
    if rows is not None and _size(rows) <= max_bytes:
        batch.changes = [_wire_change(row) for row in rows]
        payload = _encoder.encode(batch)
        if len(payload) <= max_bytes:
            return payload
        batch.changes = None
    return _encoder.encode(batch)


def decode_batch(payload: bytes, captures: Mapping[str, Capture]) -> Batch:
    """Return the batch of a payload; raise msgspec.DecodeError (or ValidationError) when it is none.

    A kind that is in no capture is kept, without its rows: it takes a position, and no view shows it.
    """
    wire = _decoder.decode(payload)
    changes = None
    if wire.changes is not None:
        changes = tuple(
            change_of(
                LoggedRow(
                    position,
                    each.inbox_id,
                    each.kind,
                    each.key,
                    each.version,
                    bool(each.flags & RESET),
                    bool(each.flags & ENDS),
                    _image(each.new),
                    _image(each.old),
                ),
                captures,
            )
            for position, each in enumerate(wire.changes, wire.after + 1)
        )
    return Batch(wire.stream, wire.epoch, wire.after, wire.since, wire.head, wire.mark, changes)


def change_of(row: LoggedRow, captures: Mapping[str, Capture]) -> Change:
    """Return the change of a row of the log.

    An image of another capture version, or one that its types can't hold, becomes a reset of its kind.
    """
    capture = captures.get(row.kind)
    if capture is None and not row.reset:
        return Change(row.position, row.inbox_id, row.kind, row.key, None, None, False, row.ends)
    if capture is not None and capture.version == row.version and not row.reset:
        try:
            new = None if row.new is None else capture.decode(row.new)
            old = None if row.old is None else capture.decode(row.old)
            return Change(row.position, row.inbox_id, row.kind, row.key, new, old, False, row.ends)
        except msgspec.ValidationError:
            pass
    return Change(row.position, row.inbox_id, row.kind, "", None, None, True, row.ends)


def _size(rows: Sequence[LoggedRow]) -> int:
    return sum(len(row.new or "") + len(row.old or "") for row in rows)


def _wire_change(row: LoggedRow) -> _WireChange:
    flags = (ENDS if row.ends else 0) | (RESET if row.reset else 0)
    return _WireChange(row.inbox_id, row.kind, row.key, row.version, flags, _raw(row.new), _raw(row.old))


def _raw(image: str | bytes | None) -> msgspec.Raw:
    if image is None:
        return msgspec.Raw(_NULL)
    return msgspec.Raw(image.encode() if isinstance(image, str) else image)


def _image(raw: msgspec.Raw) -> bytes | None:
    data = bytes(raw)
    return None if data == _NULL else data
